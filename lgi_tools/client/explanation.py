"""The reason for the state of a job, as explained by a project server."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from lgi_protocol import xml
from lgi_protocol.reply import leading_number
from lgi_protocol.value_object import value_object
from lgi_tools.client.hold import Hold, read_holds
from lgi_tools.client.notices import JobNotices, read_notices
from lgi_tools.client.timestamp import parse_time


@value_object
class LicenceUse:
    """A licence a job needs, with the project's total and the number used by all jobs."""

    name: str
    requested: int
    total: int
    used: int


@value_object
class AwaitedJob:
    """A job that another one waits for, and its state, empty if it is deleted."""

    job_id: int
    state: str


@value_object
class ResourceWait:
    """A resource that has, or had, a job and does not run it; why, as its daemon says, and since when."""

    resource: str
    reason: str
    since: datetime


@value_object
class Explanation:
    """The reason for a job's state. ``running`` is the number of jobs of its application per resource.

    ``locked_by`` is the resource that has locked the job, ``locked_since`` is known from newer servers only.
    ``holds`` keep the job from being given out; it ``waits`` for other jobs, of which a server names the
    first of ``count_of_waits``. Resources in ``excluded`` are not to get the job; on those in
    ``failed_until`` it has just failed: others get it first, until then. It ``waits_on`` a resource.
    """

    message: str
    jobs_before: int
    or_more: bool
    licences: tuple[LicenceUse, ...]
    running: Mapping[str, int]
    locked_by: str = ""
    locked_since: datetime | None = None
    holds: tuple[Hold, ...] = ()
    waits: tuple[AwaitedJob, ...] = ()
    count_of_waits: int = 0
    excluded: frozenset[str] = frozenset()
    failed_until: Mapping[str, datetime] = field(default_factory=dict)
    notices: JobNotices | None = None
    waits_on: ResourceWait | None = None


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
        locked_by=xml.value(content, "locked_by"),
        locked_since=parse_time(since) if (since := xml.value(content, "locked_since")) else None,
        holds=read_holds(content),
        waits=tuple(
            AwaitedJob(number(found.inside, "job_id"), xml.value(found.inside, "state"))
            for found in xml.find_all(content, "after")
        ),
        count_of_waits=number(content, "number_of_after"),
        excluded=frozenset(xml.value(one, "resource_name") for one in resources if number(one, "excluded")),
        failed_until={
            xml.value(one, "resource_name"): parse_time(until)
            for one in resources
            if (until := xml.value(one, "failed_until"))
        },
        notices=read_notices(content),
        waits_on=_resource_wait(content),
    )


def _resource_wait(content: str) -> ResourceWait | None:
    found = xml.find(content, "waits_on")
    if found is None:
        return None
    texts = xml.values(found.inside, "resource_name", "reason", "since")
    return ResourceWait(texts["resource_name"], texts["reason"], parse_time(texts["since"]))
