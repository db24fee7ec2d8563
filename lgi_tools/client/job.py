"""A job, as listed by a project server, and all data of one job."""

from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import Any

from lgi_protocol import comma_lists, hexcode, job_end, job_usage, states, whole_number, xml
from lgi_protocol.job_usage import NO_USAGE, JobUsage
from lgi_protocol.reply import leading_number, signed_number
from lgi_protocol.value_object import value_object
from lgi_tools.client.hold import Hold, read_holds
from lgi_tools.client.job_end import JobEnd
from lgi_tools.client.label_elements import read_label_elements
from lgi_tools.client.stored_file import StoredFile, read_file, visible
from lgi_tools.client.timestamp import parse_time


@value_object
class Job:
    """A job as listed. ``state`` is one of `State`, or a site's own word for a running job.

    ``specifics`` is XML; ``repository_url`` is empty for a job without repository. For an ended job
    ``exit_code`` or ``exit_signal`` is set when known; ``end_reason`` may give details. The times are None
    when they are unknown, or not yet; ``started_at`` is the last start. The server deletes an ended job
    after ``kept_until``. ``holds`` keep a queued job from being given out. One with ``retries`` was ``tried``
    again so many times already. An element of an array has its ``array_id`` and ``array_index``. ``usage``
    is what an ended job has used, as far as its resource can tell. ``priority`` orders the queued jobs of
    one user. ``urgent`` is the group by whose right a job comes before all others, empty for any other job.
    ``fetched_at`` is when ``fetched_by`` has last fetched all results.
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
    name: str = field(default="", kw_only=True)
    labels: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    submitted_at: datetime | None = field(default=None, kw_only=True)
    started_at: datetime | None = field(default=None, kw_only=True)
    ended_at: datetime | None = field(default=None, kw_only=True)
    kept_until: datetime | None = field(default=None, kw_only=True)
    holds: tuple[Hold, ...] = field(default=(), kw_only=True)
    tried: int = field(default=0, kw_only=True)
    retries: int = field(default=0, kw_only=True)
    array_id: int | None = field(default=None, kw_only=True)
    array_index: int | None = field(default=None, kw_only=True)
    usage: JobUsage = field(default=NO_USAGE, kw_only=True)
    priority: int = field(default=0, kw_only=True)
    deadline: datetime | None = field(default=None, kw_only=True)
    urgent: str = field(default="", kw_only=True)
    fetched_at: datetime | None = field(default=None, kw_only=True)
    fetched_by: str = field(default="", kw_only=True)

    @property
    def ended(self) -> bool:
        """Whether the job is finished or aborted."""
        return states.has_ended(self.state)

    @property
    def shown_state(self) -> str:
        """The state, but ``held`` for a job that is queued and not given out."""
        return "held" if self.holds else self.state

    @property
    def is_late(self) -> bool:
        """Whether the job has missed its deadline, or will: it has not ended and asks for more time."""
        if self.deadline is None:
            return False
        if self.ended:
            return (self.ended_at or self.changed) > self.deadline
        now = datetime.now(UTC)
        asked = timedelta(seconds=self.requested_seconds)
        return max(now, (self.started_at or now) + asked) > self.deadline

    @property
    def requested_seconds(self) -> int:
        """The run time that the job asks for; 0 when it asks for none."""
        from lgi_protocol import capabilities

        return capabilities.requested_number(self.specifics, "walltime")

    @property
    def shown_try(self) -> str:
        """Which try of a job this is, as ``try 2 of 3``; empty for one that is not tried again."""
        number = min(self.tried, self.retries) + 1
        return f"try {number} of {self.retries + 1}" if self.retries else ""

    @property
    def shown_usage(self) -> dict[str, str]:
        """What it has used beside what it has asked for, as ``{"memory": "312 MB of 2 GB"}``."""
        known = self.started_at and self.ended_at
        seconds = int((self.ended_at - self.started_at).total_seconds()) if known else None  # type: ignore[operator]
        return self.usage.lines(self.specifics, seconds)

    @property
    def end(self) -> JobEnd:
        """The end of a job that has ended."""
        return JobEnd(self.state, self.exit_code, self.end_reason, self.exit_signal)

    def _repr_html_(self) -> str:
        from lgi_tools.client.job_table import jobs_html

        return jobs_html([self])


@value_object
class Details(Job):
    """All data of one job; ``output`` has as much as its resource has reported."""

    input: bytes
    output: bytes
    files: tuple[StoredFile, ...]


# A job as callers name it.
AnyJob = Job | int | str


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


_TEXTS = ("job_id", "state", "application", "job_specifics", "state_time_stamp")
_LISTS = ("target_resources", "owners", "read_access", "write_access")
_ARRAY = ("array_id", "array_index")
_TIMES = {name: f"{name}_at" for name in ("submitted", "started", "ended", "fetched")}
_TIMES |= {name: name for name in ("kept_until", "deadline")}


def _common(text: str) -> dict[str, Any]:
    more = (
        "job_name",
        "tried",
        "retries",
        "priority",
        "urgent",
        "fetched_by",
        *job_end.FIELDS,
        *job_usage.FIELDS,
    )
    texts = xml.values(text, *_TEXTS, *_LISTS, *_TIMES, *_ARRAY, *more)
    specifics = texts["job_specifics"]
    end = job_end.end_of(texts)
    return {
        "id": leading_number(texts["job_id"]),
        "state": texts["state"],
        "application": texts["application"],
        "targets": comma_lists.split(texts["target_resources"]),
        "owners": comma_lists.split(texts["owners"]),
        "read_access": comma_lists.split(texts["read_access"]),
        "write_access": comma_lists.split(texts["write_access"]),
        "specifics": _without_place(specifics),
        "repository_url": xml.value(specifics, "repository_url"),
        "changed": parse_time(texts["state_time_stamp"]),
        "exit_code": end.exit_code,
        "exit_signal": end.exit_signal,
        "end_reason": end.reason,
        "name": texts["job_name"],
        "labels": read_label_elements(text),
        "holds": read_holds(text),
        "tried": leading_number(texts["tried"]),
        "retries": leading_number(texts["retries"]),
        "usage": job_usage.usage_of(texts),
        "priority": signed_number(texts["priority"]),
        "urgent": texts["urgent"],
        "fetched_by": texts["fetched_by"],
        **{name: parse_time(texts[tag]) if texts[tag] else None for tag, name in _TIMES.items()},
        **{name: leading_number(texts[name]) if texts[name] else None for name in _ARRAY},
    }


def _without_place(specifics: str) -> str:
    """Return the specifics without the two elements that the server adds for the repository."""
    for name in ("repository", "repository_url"):
        for found in reversed(xml.find_all(specifics, name)):
            specifics = specifics[: found.begin] + specifics[found.end :]
    return specifics.strip()


def id_of(job: AnyJob) -> int:
    """Return the id of a job. Raises ValueError for text that is not a number."""
    if isinstance(job, Job):
        return job.id
    number = whole_number.read(str(job))
    if number is None:
        raise ValueError(f"{str(job)[:40]!r} is not a job id: it must be a number")
    return number
