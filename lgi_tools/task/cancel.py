"""Cancel the jobs of folders, or remove them from the server with all their files."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_protocol.states import State
from lgi_protocol.value_object import value_object
from lgi_tools.client.project import Project
from lgi_tools.client.settings import Settings
from lgi_tools.task import identity, omission, parallel, record, status
from lgi_tools.task.record import CANCELLED, PRUNED, RecordError, TaskRecord


@value_object
class Removed:
    """The result for one folder: a word for what was done, or the reason why nothing was."""

    folder: Path
    word: str = ""
    reason: str = ""


_Removal = Callable[[Project, Path, TaskRecord], str]


def cancel(chosen: Settings, folders: Sequence[Path], hands: int) -> Iterator[Removed]:
    """Cancel jobs that have not ended, in any order. Queued jobs are removed, running jobs aborted."""
    return parallel.map_projects(chosen, folders, hands, partial(_safely, _cancel))


def prune(chosen: Settings, folders: Sequence[Path], hands: int) -> Iterator[Removed]:
    """Remove ended jobs with their inputs and results from the server; the folders do not change."""
    return parallel.map_projects(chosen, folders, hands, partial(_safely, _prune))


def _safely(act: _Removal, project: Project, place: Path) -> Removed:
    try:
        found = status.submitted(place, project.server)
        if found.gone:
            raise RecordError(f"its job was {found.gone} before")
        if copied := record.original(place, found):
            raise RecordError(
                f"it is a copy of {copied}, whose job {found.job_id} is: go there, or remove {record.NAME} "
                "from one of the two"
            )
        return Removed(place, act(project, place, found))
    except RecordError as error:
        return Removed(place, reason=str(error))
    except ServerError as error:
        return Removed(place, reason=str(error))


def _cancel(project: Project, place: Path, found: TaskRecord) -> str:
    job = identity.job_of(project, found)
    if job.ended:
        raise RecordError(f"its job has ended: it is {job.state}")
    if project.delete(job):
        record.write(place, replace(found, gone=CANCELLED))
        return CANCELLED
    return "being cancelled"


def _prune(project: Project, place: Path, found: TaskRecord) -> str:
    try:
        job = identity.job_of(project, found)
        if not job.ended:
            raise RecordError(f"its job is {_said(job.state)}: only what has ended can be pruned")
        status.note_ending(project, place, found, job)
        project.delete(job)
    except ServerError as error:
        # Another program has already removed the job.
        if error.number != ErrorNumber.NO_JOB:
            raise
    record.write(place, replace(record.read(place) or found, gone=PRUNED))
    return PRUNED


def _said(state: str) -> str:
    return "still to be run" if state == State.QUEUED else state


@value_object
class Loss:
    """The number of folders with jobs on the server whose results were not fetched, or not stored there."""

    unfetched: int
    not_stored: int

    @property
    def text(self) -> str:
        """Return it as the begin of a sentence, empty when nothing would be lost."""
        counts = {"fetched": self.unfetched, "completely stored": self.not_stored}
        parts = [
            f"of {count} {_FOLDERS[count == 1]} were not {word}" for word, count in counts.items() if count
        ]
        return f"the results {' and '.join(parts)}" if parts else ""


_FOLDERS = ("folders", "folder")


def loss(folders: Sequence[Path]) -> Loss:
    """Return what is lost when the jobs of folders are pruned."""
    unfetched = not_stored = 0
    for place in folders:
        try:
            found = record.read(place)
        except RecordError:
            continue
        if found is None or not found.job_id or found.gone:
            continue
        if not found.got:
            unfetched += 1
        elif omission.notes(found.ending):
            not_stored += 1
    return Loss(unfetched, not_stored)
