"""Submit folders in parallel, and none twice."""

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lgi_protocol import comma_lists, hexcode, xml
from lgi_protocol.client import Client
from lgi_protocol.errors import ErrorNumber
from lgi_protocol.reply import leading_number
from lgi_protocol.value_object import value_object
from lgi_tools.client import bulk_submit, command_line, idempotent_submit
from lgi_tools.client.bulk_submit import NewJob, Outcome
from lgi_tools.client.interface_calls import Caller, check_text
from lgi_tools.client.job import Job
from lgi_tools.client.project import Project
from lgi_tools.client.settings import Settings
from lgi_tools.task import folder, parallel, record
from lgi_tools.task.record import Fetched, RecordError, TaskRecord

# The tag in the job specifics that identifies the job of a folder.
TAG = "task"


@value_object
class Order:
    """The job to run for each folder: a script in an image, ``specifics`` (XML), target resources."""

    image: str
    script: str
    specifics: str
    targets: str = comma_lists.ANY
    # The fields of a submit for its name and labels: pairs, so that equal orders are found by their hash.
    names: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for text that cannot be sent; the script may contain any bytes."""
        check_text({"image": self.image, "job_specifics": self.specifics, "targets": self.targets})

    def fields(self, request_id: str) -> Mapping[str, str]:
        """Return the fields of a submit."""
        specifics = f"{self.specifics} {xml.write(xml.Element(TAG, request_id))}"
        return {
            "application": command_line.APPLICATION,
            "target_resources": self.targets,
            "job_specifics": specifics,
            "input": hexcode.encode(self.script.encode("utf-8", "surrogateescape")),
            **{name: text for name, text in self.names if text},
        }


@value_object
class Done:
    """The result for one folder: the id of its job, or the reason why there is none."""

    folder: Path
    job_id: int = 0
    reason: str = ""


def script_of(words: Sequence[str]) -> str:
    """Return the script that runs a command line in the copy of the folder.

    A single word with blanks is run by the shell; several words are not interpreted by it. Files from a
    repository are not executable, so that a program of the folder is made so. Raises ValueError without one.
    """
    if not words or not words[0].strip():
        raise ValueError("the command line has no program: its first word is the program to run")
    if len(words) == 1 and len(words[0].split()) > 1:
        return f"#!/bin/sh\n{words[0]}\n"
    lines = [f"exec {shlex.join(words)}"]
    if words[0].startswith("./"):
        lines.insert(0, f"chmod u+x {shlex.quote(words[0])} || exit 126")
    return "\n".join(["#!/bin/sh", *lines, ""])


def submit(
    chosen: Settings, order: Order, folders: Sequence[Path], hands: int, again: bool = False
) -> Iterator[Done]:
    """Submit folders in ``hands`` threads and yield the results, in any order.

    A folder of an interrupted submit stays one job. With ``again`` folders that already have a job are
    submitted too. Raises the errors of `bulk_submit.submit`; the remaining folders can be submitted later.
    """
    begun = [one for one in folders if _is_begun(one)]
    known = jobs_of_tasks(chosen) if begun and not again else {}

    def work(mine: Iterator[Path], report: Callable[[Done], None]) -> None:
        client = Client(chosen.server, chosen.credentials())
        plan = _Plan(client.server, order, known, again, report)
        try:
            for outcome in bulk_submit.submit(client, Caller(client, chosen).fields, plan.jobs(mine)):
                report(plan.settle(outcome))
        finally:
            client.close()

    return parallel.map_parallel(folders, work, parallel.most(hands, folders))


def _is_begun(place: Path) -> bool:
    try:
        found = record.read(place)
    except RecordError:
        return False
    return found is not None and not found.job_id


def jobs_of_tasks(chosen: Settings) -> dict[str, Job]:
    """Return all jobs of folders that the user may read, by request id."""
    with Project.of(chosen) as project:
        found = ((xml.value(job.specifics, TAG), job) for job in project.jobs(application="command"))
        return {request_id: job for request_id, job in found if request_id}


@value_object
class _Begun:
    """A folder that is being submitted. ``is_new``: for the first time, so that a refusal is final."""

    place: Path
    record: TaskRecord
    is_new: bool
    previous: TaskRecord | None


def streams_of(previous: TaskRecord | None) -> dict[str, Fetched]:
    """Return the fetched streams of the previous job, which are not files of the user."""
    known = previous.fetched if previous else {}
    return {name: one for name, one in known.items() if name in folder.STREAMS}


def _check_is_new(place: Path, previous: TaskRecord) -> None:
    if copied := record.original(place, previous):
        raise RecordError(
            f"it is a copy of {copied}, with its {record.NAME}: "
            "submit --force submits it as a job of its own, "
            "and so does a submit after removing that file"
        )
    if previous.job_id:
        raise RecordError(f"it was submitted before: it is job {previous.job_id} of {previous.server}")


class _Plan:
    """The folders that one thread is submitting."""

    def __init__(
        self,
        server: str,
        order: Order,
        known: Mapping[str, Job],
        again: bool,
        report: Callable[[Done], None],
    ) -> None:
        self._server = server
        self._order = order
        self._known = known
        self._again = again
        self._report = report
        self._begun: dict[str, _Begun] = {}

    def jobs(self, folders: Iterator[Path]) -> Iterator[NewJob]:
        """Yield the jobs to submit, each recorded in its folder first; report the other folders."""
        for place in folders:
            try:
                job = self._job(place)
            except RecordError as error:
                self._report(Done(place, reason=str(error)))
            except OSError as error:
                name = Path(error.filename or record.NAME).name
                self._report(Done(place, reason=f"{name!r} cannot be read or written: {error.strerror}"))
            else:
                if isinstance(job, Done):
                    self._report(job)
                else:
                    yield job

    def _job(self, place: Path) -> NewJob | Done:
        previous = record.read(place)
        if previous and not previous.gone and not self._again:
            _check_is_new(place, previous)
        is_begun = previous is not None and not previous.job_id and not self._again
        if previous and is_begun and previous.server != self._server:
            raise RecordError(
                f"its submit to {previous.server} was interrupted: continue there with -S {previous.server}"
            )
        if previous and is_begun and previous.request_id in self._known:
            job = self._known[previous.request_id]
            found = replace(previous, job_id=job.id, repository_url=job.repository_url)
            record.write(place, found)
            return Done(place, job.id)
        files = folder.inputs(place, previous)
        sent = {path.name: folder.digest(path) for path in files}
        new = TaskRecord(
            idempotent_submit.new_id(),
            self._server,
            self._order.image,
            sent,
            fetched=streams_of(previous),
            folder=os.path.realpath(place),
        )
        begun = previous if previous and is_begun else self._noted(place, previous, new)
        self._begun[begun.request_id] = _Begun(place, begun, begun is new, previous)
        return NewJob(self._order.fields(begun.request_id), files, begun.request_id)

    @staticmethod
    def _noted(place: Path, previous: TaskRecord | None, new: TaskRecord) -> TaskRecord:
        """Record a new job; another process may be submitting the same folder: then its record is used."""
        if previous:
            record.write(place, new)
            return new
        found = record.create(place, new)
        if found.job_id:
            raise RecordError(f"it was submitted before: it is job {found.job_id} of {found.server}")
        return found

    def settle(self, outcome: Outcome) -> Done:
        """Record the result of a submit in the folder."""
        begun = self._begun.pop(outcome.job.request_id)
        if outcome.refused:
            # The job of an interrupted submit may exist, unless it was deleted since.
            if begun.is_new and begun.previous:
                record.write(begun.place, begun.previous)
            elif begun.is_new or outcome.refused.number == ErrorNumber.NO_JOB:
                record.forget(begun.place)
            return Done(begun.place, reason=str(outcome.refused))
        job_id = leading_number(outcome.job_id)
        found = replace(begun.record, job_id=job_id, repository_url=outcome.repository_url)
        record.write(begun.place, found)
        return Done(begun.place, job_id)
