"""Submit many jobs in few calls. Servers before 1.41 get one call per job."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import IO

from lgi_protocol import file_properties, xml
from lgi_protocol.client import Client, retry_on_busy
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.reply import Reply, leading_number
from lgi_protocol.value_object import value_object
from lgi_tools.client import idempotent_submit, job_plan
from lgi_tools.client.timing import DEFAULT, Timing

# The limits of one call: bytes of the jobs' text, of which a server accepts a megabyte, and bytes of files.
MOST_TEXT = 900_000
MOST_BYTES = 64 * 2**20
# The most bytes of an entry in the list of files, without its name.
_LONGEST = (10**12, "9" * 22, 1)
_TOO_OLD = "this server is too old to take arrays of jobs"
_ONE = "interfaces/interface_submit_job"
_MANY = "interfaces/interface_submit_jobs"
# What the server can take was asked before.
_submit_once = partial(idempotent_submit.submit_once, answered_before=True)


@value_object
class NewJob:
    """A job to submit: the fields of a submit, and its files, each under its own name in the repository.

    A caller that keeps the request id can repeat the submit after any interruption: it stays one job.
    """

    fields: Mapping[str, str]
    files: tuple[Path, ...] = ()
    request_id: str = field(default_factory=idempotent_submit.new_id)


@value_object
class NewArray:
    """The array whose elements the jobs of a submit are: each has its ``array_index`` among its fields.

    The same ``request_id`` continues a submit that was interrupted. ``at_most`` elements run at once, 0: any
    number.
    """

    request_id: str
    size: int
    at_most: int = 0

    def fields(self) -> dict[str, str]:
        """Return the fields of a call."""
        more = {"at_most": str(self.at_most)} if self.at_most else {}
        return {"array": self.request_id, "array_size": str(self.size)} | more


@value_object
class Outcome:
    """The result for one job: its id and repository, or the error of the server; ``array_id`` if any."""

    job: NewJob
    job_id: str = ""
    repository_url: str = ""
    refused: ServerError | None = None
    array_id: int = 0


def submit(
    client: Client,
    caller: Mapping[str, str],
    jobs: Iterable[NewJob],
    timing: Timing = DEFAULT,
    array: NewArray | None = None,
) -> Iterator[Outcome]:
    """Submit jobs on behalf of ``caller`` (project, user, groups). Yields the results in the same order.

    Raises ServerError when a whole call is refused, TransportError without an answer, OSError for a file.
    The results before the error are submitted jobs; the later jobs are not submitted. For an ``array`` also
    ValueError, before anything is sent, when it has more elements than the server takes.
    """
    envelope = _asked(client, "interfaces/interface_project_server_list", caller, timing).envelope
    if idempotent_submit.version_in(envelope) < idempotent_submit.REMEMBERS:
        if array:
            raise TransportError(client.server, _TOO_OLD)
        yield from (_one(client, caller, job, timing) for job in _checked(client.server, jobs, None))
        return
    about = _asked(client, _MANY, dict(caller) | {"jobs": "[]"}, timing)
    jobs = _checked(client.server, jobs, about)
    most = about.number("most_elements")
    if array:
        _check(array, client.server, most)
        caller = dict(caller) | array.fields()
    kinds = _Kinds(about.number("file_times") > 0, most > 0)
    for batch in batches(jobs, max(1, about.number("most_jobs"))):
        yield from _many(client, caller, batch, kinds, timing)


@value_object
class _Kinds:
    """What a server takes in the list of files: times, and the numbers of files that it has already."""

    times: bool
    numbers: bool


def _check(array: NewArray, server: str, most: int) -> None:
    if not most:
        raise TransportError(server, _TOO_OLD)
    if array.size > most:
        raise ValueError(f"{array.size} elements are too many: this server takes arrays of at most {most}")


def _checked(server: str, jobs: Iterable[NewJob], about: Reply | None) -> Iterator[NewJob]:
    """Yield jobs; TransportError at one that has a field which this server would read over."""
    for job in jobs:
        job_plan.check_known(server, job.fields, about)
        yield job


def _asked(client: Client, call: str, fields: Mapping[str, str], timing: Timing) -> Reply:
    """Return the answer of a call that changes nothing. A busy server is retried for one minute."""
    return retry_on_busy(lambda: client.post(call, fields), timing.retry_seconds)


def batches(jobs: Iterable[NewJob], most: int) -> Iterator[list[NewJob]]:
    """Yield groups of jobs for one call each; a job above the limits is a group of its own."""
    batch: list[NewJob] = []
    paths: set[Path] = set()
    text = size = 0
    for job in jobs:
        own_text = len(json.dumps(_entry(job, [[path.name, *_LONGEST] for path in job.files])))
        own_size = sum(path.stat().st_size for path in job.files if path not in paths)
        full = len(batch) == most or text + own_text > MOST_TEXT or size + own_size > MOST_BYTES
        if batch and full:
            yield batch
            batch, text, size, paths = [], 0, 0, set()
            own_size = sum(path.stat().st_size for path in job.files)
        batch.append(job)
        paths.update(job.files)
        text, size = text + own_text, size + own_size
    if batch:
        yield batch


def _entry(job: NewJob, files: Sequence[Sequence[object] | int]) -> dict[str, object]:
    """Return a job as an entry in the list of a bulk call."""
    return {**job.fields, "request_id": job.request_id, "files": files}


def _many(
    client: Client, caller: Mapping[str, str], batch: Sequence[NewJob], kinds: _Kinds, timing: Timing
) -> Iterator[Outcome]:
    # Without a name, so that a program that is killed leaves nothing.
    with tempfile.TemporaryFile() as contents:
        entries = _put_together(batch, contents, kinds)
        files = (contents,) if contents.tell() else ()
        fields = dict(caller) | {"jobs": json.dumps(entries)}
        reply = _submit_once(client, _MANY, fields, files, timing=timing)
    # Once: an answer without it is searched to its end.
    array_id = reply.number("array_id")
    for job, answer in zip(batch, reply.all("job"), strict=True):
        yield _outcome(job, answer, array_id)


def _put_together(batch: Sequence[NewJob], contents: IO[bytes], kinds: _Kinds) -> list[dict[str, object]]:
    """Copy all files into one, in their order, and return the sizes that were read.

    A file of several jobs is copied once, if the server takes its number in the place of a copy.
    """
    entries = []
    known: dict[Path, int] = {}
    for job in batch:
        files: list[list[object] | int] = []
        for path in job.files:
            if kinds.numbers and path in known:
                files.append(known[path])
                continue
            known[path] = len(known)
            before = contents.tell()
            with path.open("rb") as opened:
                properties = file_properties.of_file(os.fstat(opened.fileno()))
                shutil.copyfileobj(opened, contents)
            more = properties.listed() if kinds.times else []
            files.append([path.name, contents.tell() - before, *more])
        entries.append(_entry(job, files))
    contents.flush()
    return entries


def _outcome(job: NewJob, answer: str, array_id: int = 0) -> Outcome:
    if xml.find(answer, "error"):
        number = xml.value(answer, "error", "number")
        refused = ServerError(leading_number(number), xml.value(answer, "error", "message"))
        return Outcome(job, refused=refused)
    return Outcome(job, xml.value(answer, "job_id"), xml.value(answer, "repository_url"), array_id=array_id)


def _one(client: Client, caller: Mapping[str, str], job: NewJob, timing: Timing) -> Outcome:
    """Submit one job, for servers without bulk calls."""
    fields = dict(caller) | dict(job.fields) | {"request_id": job.request_id}
    try:
        reply = _submit_once(client, _ONE, fields, job.files, timing=timing)
    except ServerError as refused:
        return Outcome(job, refused=refused)
    url = reply.value("job", "job_specifics", "repository_url")
    return Outcome(job, reply.value("job", "job_id"), url)
