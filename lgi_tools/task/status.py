"""The status of the jobs of folders, in the terms of Leruli Queue."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from pathlib import Path
from typing import Any

from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_protocol.states import State
from lgi_protocol.value_object import value_object
from lgi_tools.cli import output_tries
from lgi_tools.client import command_line
from lgi_tools.client.job import Details, Job, read_job
from lgi_tools.client.job_end import JobEnd
from lgi_tools.client.project import Project
from lgi_tools.client.settings import Settings
from lgi_tools.task import identity, parallel, record
from lgi_tools.task.record import PRUNED, RecordError, TaskRecord

# A resource that asks for work is offered at least so many queued jobs.
HEAD = 32
# For so many folders or more, one list is fetched instead of each job.
MANY = 16
RECEIVED, SUBMITTED, RUNNING, COMPLETED = "received", "submitted", "running", "completed"
REMOVED, NOT_FETCHED = "removed", "results not fetched"


@value_object
class TaskStatus:
    """The status of a folder: one of the five words, or none and an error in ``reason``.

    ``used`` and ``tries`` of a job that has ended are those of the folder's record.
    """

    folder: Path
    word: str = ""
    reason: str = ""
    job_id: int = 0
    end: JobEnd | None = None
    used: Mapping[str, int] = field(default_factory=dict)
    tries: Sequence[Mapping[str, Any]] = ()

    @property
    def line(self) -> str:
        """The text of the status, as ``completed: exit code 3``."""
        said = [self.end.cause] if self.end and self.end.cause else []
        if self.word == REMOVED:
            return ": ".join([f"{self.word}, {self.reason}", *said])
        said += [self.reason] if self.reason else []
        return ": ".join(part for part in (self.word, ", ".join(said)) if part)


def of_folders(chosen: Settings, folders: Sequence[Path], hands: int) -> Iterator[TaskStatus]:
    """Yield the status of folders, in any order."""
    listed = _listed(chosen) if len(folders) >= MANY else None

    return parallel.map_projects(chosen, folders, hands, partial(_safely, listed))


@value_object
class _List:
    """All jobs the user may read, and the ids of those at the head of the queue."""

    jobs: Mapping[int, Job]
    head: frozenset[int]


def _listed(chosen: Settings) -> _List:
    with Project.of(chosen) as project:
        jobs = {job.id: job for job in project.jobs(application=command_line.APPLICATION)}
    return _List(jobs, queue_head_ids(jobs.values()))


def queue_head_ids(jobs: Iterable[Job]) -> frozenset[int]:
    """Return the ids of the queued jobs that will probably start next: those queued longest."""
    queued = sorted((job.changed, job.id) for job in jobs if job.state == State.QUEUED)
    return frozenset(job_id for _, job_id in queued[:HEAD])


def _safely(listed: _List | None, project: Project, folder: Path) -> TaskStatus:
    try:
        found = submitted(folder, project.server)
        return _of(project, folder, found, listed)
    except RecordError as error:
        return TaskStatus(folder, reason=str(error))
    except ServerError as error:
        if error.number != ErrorNumber.NO_JOB:
            raise
        return TaskStatus(folder, reason=f"job {found.job_id} is not there any more", job_id=found.job_id)


def submitted(folder: Path, server: str) -> TaskRecord:
    """Return the record of a folder that was submitted to the server. Raises RecordError otherwise."""
    found = record.read(folder)
    if found is None:
        raise RecordError("it was not submitted")
    if found.server != server.rstrip("/"):
        raise RecordError(f"it was submitted to {found.server}: give -S {found.server}")
    if not found.job_id:
        raise RecordError("its submit was interrupted: submit it again, it stays one job")
    return found


def _of(project: Project, folder: Path, found: TaskRecord, listed: _List | None) -> TaskStatus:
    if found.gone:
        if found.gone == PRUNED and not found.got:
            return _known(TaskStatus(folder, REMOVED, NOT_FETCHED, found.job_id, found.ending), found)
        return _known(TaskStatus(folder, COMPLETED, found.gone, found.job_id, found.ending), found)
    if found.ending and not found.got and not _is_there(project, found, listed):
        return _known(TaskStatus(folder, REMOVED, NOT_FETCHED, found.job_id, found.ending), found)
    if found.ending:
        return _known(_ended(folder, found.job_id, found.ending), found)
    job = listed.jobs.get(found.job_id) if listed else None
    if job:
        identity.check(found, job)
    if job is None or job.ended:
        job = identity.job_of(project, found)
    if isinstance(job, Details) and job.ended:
        found = note_ending(project, folder, found, job)
        return _known(_ended(folder, found.job_id, job.end), found)
    return TaskStatus(folder, *word_of(job, _head_for(project, job, listed)), job.id)


def _is_there(project: Project, found: TaskRecord, listed: _List | None) -> bool:
    """Return whether a job is still on the server. Raises RecordError for another one with its id."""
    try:
        identity.check(found, (listed and listed.jobs.get(found.job_id)) or project.job(found.job_id))
    except ServerError as error:
        if error.number != ErrorNumber.NO_JOB:
            raise
        return False
    return True


def of_job(project: Project, job: Details) -> TaskStatus:
    """Return the status of a job, independent of its folder."""
    if job.ended:
        return _ended(Path(), job.id, job.end)
    return TaskStatus(Path(), *word_of(job, _head_for(project, job, None)), job.id)


def _head_for(project: Project, job: Job, listed: _List | None) -> frozenset[int]:
    """Return the ids at the head of the queue, empty for a job that is not queued."""
    if job.state != State.QUEUED:
        return frozenset()
    return listed.head if listed else _first(project)


def _first(project: Project) -> frozenset[int]:
    chosen = {"state": State.QUEUED, "application": command_line.APPLICATION}
    reply = project.call("job_state", chosen | {"start": "0", "limit": str(HEAD)})
    return queue_head_ids(read_job(text) for text in reply.all("job"))


def word_of(job: Job, first: frozenset[int]) -> tuple[str, str]:
    """Return the status word and a remark for a job that has not ended."""
    if job.state == State.QUEUED:
        return (SUBMITTED if job.id in first else RECEIVED), ""
    return RUNNING, "it is being cancelled" if job.state == State.ABORTING else ""


def note_ending(project: Project, folder: Path, found: TaskRecord, job: Details) -> TaskRecord:
    """Record in the folder how its job ended and what it has used. Returns the record."""
    used = {name: value for name, value in vars(job.usage).items() if value is not None}
    tries = output_tries.fetch(project.call, job.id) if job.tried else ()
    noted = replace(found, ending=job.end, used=used, tries=tries)
    record.write(folder, noted)
    return noted


def _known(status: TaskStatus, found: TaskRecord) -> TaskStatus:
    """Return the status of a job that has ended with what its record has of that."""
    return replace(status, used=found.used, tries=found.tries)


def _ended(folder: Path, job_id: int, end: JobEnd) -> TaskStatus:
    reason = end.reason
    # In Leruli's terms an aborted job was cancelled.
    if end.state == State.ABORTED and not end.cause and reason in ("", State.ABORTED):
        reason = "cancelled"
    return TaskStatus(folder, COMPLETED, reason, job_id, end)
