"""Jobs, files and resources of a project server as Python values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lgi_protocol import comma_lists, hexcode, states, xml
from lgi_protocol.job_end import read_end
from lgi_protocol.reply import leading_number
from lgi_tools.client.job_end import JobEnd, Outcome

# How applications/command ends every output, for programs that know no fields: here it is only left out.
_TRAILER = re.compile(
    rb"(?:\A|(?<=\n))(?:\[LGI: not stored: [^\n]*\]\n)?"
    rb"\[LGI: (?:exit code [0-9]{1,3}|no exit code)(?:: [^\n]*)?\]\n?\Z"
)
# Names under which a repository holds the streams of a job, and their names in its state directory.
STREAMS = {"joblog.txt": "stdout", "joberr.txt": "stderr"}
# Files of the server's own begin so.
_RESERVED = ".LGI_"


@dataclass(frozen=True)
class Job:
    """A job as listed. ``state`` is one of `State`, or a site's own word for a running job.

    ``specifics`` is XML; ``repository_url`` is empty for a job without repository. For an ended job
    ``exit_code`` or ``exit_signal`` is set when known; ``end_reason`` may give details.
    """

    id: int
    state: str
    application: str
    targets: tuple[str, ...]
    owners: tuple[str, ...]
    read_access: tuple[str, ...]
    write_access: tuple[str, ...]
    specifics: str
    repository_url: str
    changed: datetime
    exit_code: int | None = field(default=None, kw_only=True)
    exit_signal: int | None = field(default=None, kw_only=True)
    end_reason: str = field(default="", kw_only=True)

    @property
    def ended(self) -> bool:
        """Whether the job is finished or aborted."""
        return states.has_ended(self.state)

    @property
    def end(self) -> JobEnd:
        """The end of a job that has ended."""
        return JobEnd(self.state, self.exit_code, self.end_reason, self.exit_signal)


@dataclass(frozen=True)
class StoredFile:
    """A file in the repository of a job; ``size`` is in bytes."""

    name: str
    size: int
    changed: datetime


@dataclass(frozen=True)
class Details(Job):
    """All data of one job; ``output`` has as much as its resource has reported."""

    input: bytes
    output: bytes
    files: tuple[StoredFile, ...]


@dataclass(frozen=True)
class Result:
    """The result of a job; ``output`` is without the trailer line for older programs."""

    job: Details
    output: bytes

    @property
    def exit_code(self) -> int | None:
        """The exit code of the job; None when unknown."""
        return self.job.exit_code

    @property
    def exit_signal(self) -> int | None:
        """The signal that ended the job; None when unknown or none."""
        return self.job.exit_signal

    @property
    def reason(self) -> str:
        """The cause of the end, or a remark for the owner; may be empty."""
        return self.job.end_reason

    @property
    def outcome(self) -> Outcome | None:
        """Whether the job succeeded, failed, or its result is unknown."""
        return self.job.end.outcome

    @property
    def ok(self) -> bool:
        """Whether the job is known to have succeeded: finished with exit code 0."""
        return self.outcome is Outcome.SUCCEEDED

    @property
    def text(self) -> str:
        """The output as text; bytes that are not UTF-8 become question marks."""
        return self.output.decode("utf-8", "replace")


@dataclass(frozen=True)
class Tail:
    """The output of a job from byte ``offset`` on; earlier output is no longer stored.

    ``told``: the resource sends output while the job runs, which older ones do not. ``complete``: no more
    output follows.
    """

    state: str
    offset: int
    data: bytes
    told: bool
    complete: bool

    @property
    def end(self) -> int:
        """The offset of the next byte."""
        return self.offset + len(self.data)


@dataclass(frozen=True)
class Resource:
    """A resource of the project; ``capabilities`` is XML with one element per application."""

    name: str
    capabilities: str
    last_call: datetime

    @property
    def applications(self) -> tuple[str, ...]:
        """The names of the applications it offers."""
        return tuple(one.name for one in xml.elements(self.capabilities))


def result_of(job: Details) -> Result:
    """Return the result of an ended job."""
    return Result(job, _TRAILER.sub(b"", job.output))


def read_job(text: str) -> Job:
    """Return the job in a ``<job>`` element of a list."""
    return Job(**_common(text))


def read_details(text: str) -> Details:
    """Return the job in a complete ``<job>`` element. Raises ValueError when its data is not hexadecimal."""
    content = xml.find(text, "repository_content")
    files = xml.find_all(content.inside, "file") if content else []
    stored = tuple(read_file(found.inside) for found in files)
    return Details(
        **_common(text),
        input=hexcode.decode(xml.value(text, "input")),
        output=hexcode.decode(xml.value(text, "output")),
        files=visible(stored),
    )


def _common(text: str) -> dict[str, Any]:
    def names(tag: str) -> tuple[str, ...]:
        return comma_lists.split(xml.value(text, tag))

    specifics = xml.value(text, "job_specifics")
    told = read_end(text)
    return {
        "id": leading_number(xml.value(text, "job_id")),
        "state": xml.value(text, "state"),
        "application": xml.value(text, "application"),
        "targets": names("target_resources"),
        "owners": names("owners"),
        "read_access": names("read_access"),
        "write_access": names("write_access"),
        "specifics": _without_place(specifics),
        "repository_url": xml.value(specifics, "repository_url"),
        "changed": parse_time(xml.value(text, "state_time_stamp")),
        "exit_code": told.exit_code,
        "exit_signal": told.exit_signal,
        "end_reason": told.reason,
    }


def _without_place(specifics: str) -> str:
    """Return the specifics without the two elements that the server adds for the repository."""
    for name in ("repository", "repository_url"):
        for found in reversed(xml.find_all(specifics, name)):
            specifics = specifics[: found.begin] + specifics[found.end :]
    return specifics.strip()


def read_file(text: str) -> StoredFile:
    """Return the file in a ``<file>`` element."""
    size = leading_number(xml.value(text, "size"))
    return StoredFile(file_name(text), size, parse_time(xml.value(text, "date")))


def file_name(text: str) -> str:
    """Return the exact name in a ``<file>`` element, including blanks at its ends."""
    found = xml.find(text, "file_name")
    if found is None:
        return ""
    inside = found.inside
    exact = inside[1:-1] if inside.startswith(" ") and inside.endswith(" ") else inside.strip()
    return xml.unescape(exact)


def visible(files: tuple[StoredFile, ...]) -> tuple[StoredFile, ...]:
    """Return the files of the user, without the server's own."""
    return tuple(one for one in files if not one.name.startswith(_RESERVED))


def read_resource(text: str) -> Resource:
    """Return the resource in a ``<resource>`` element."""
    return Resource(
        name=xml.value(text, "resource_name"),
        capabilities=xml.value(text, "resource_capabilities"),
        last_call=parse_time(xml.value(text, "last_call_time")),
    )


def parse_time(text: str) -> datetime:
    """Return a time stamp (Unix time, fraction dropped); 1970-01-01 for one out of range."""
    try:
        return datetime.fromtimestamp(leading_number(text), UTC)
    except (OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class LicenceUse:
    """A licence a job needs, with the project's total and the number used by all jobs."""

    name: str
    wanted: int
    total: int
    used: int


@dataclass(frozen=True)
class Explanation:
    """The reason for a job's state. ``running`` is the number of jobs of its application per resource."""

    message: str
    jobs_before: int
    or_more: bool
    licences: tuple[LicenceUse, ...]
    running: Mapping[str, int]


def read_explanation(content: str) -> Explanation:
    """Return the explanation in an ``<explanation>`` element."""

    def number(inside: str, tag: str) -> int:
        return leading_number(xml.value(inside, tag))

    licences = [found.inside for found in xml.find_all(content, "licence")]
    resources = [found.inside for found in xml.find_all(content, "resource")]
    return Explanation(
        message=xml.value(content, "message"),
        jobs_before=number(content, "jobs_before"),
        or_more=number(content, "more_before") > 0,
        licences=tuple(
            LicenceUse(
                xml.value(one, "name"), number(one, "wanted"), number(one, "total"), number(one, "used")
            )
            for one in licences
        ),
        running={xml.value(one, "resource_name"): number(one, "running_jobs") for one in resources},
    )
