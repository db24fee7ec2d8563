"""Verdicts on resources: whether each could take a job, or why not."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from lgi_protocol import capabilities, comma_lists
from lgi_server.services.jobs.targets import offers as is_offered
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_queue.jobs import JobRow

# A resource that has not called for so long may be down.
SILENT_SECONDS = 1800


class Reason(StrEnum):
    """Why a job does not run, or why a resource does not take it."""

    ENDED = "ended"
    RUNNING = "running"
    ABORTING = "aborting"
    LOCKED = "locked"
    HELD = "held"
    ON_HOLD = "on_hold"
    NO_LICENCES = "no_licences"
    PROJECT_FULL = "project_full"
    NO_OFFER = "no_offer"
    NO_TARGET = "no_target"
    NOT_ON = "not_on"
    LACKS = "lacks"
    DRAINED = "drained"
    SILENT = "silent"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"
    MAY_TAKE = "may_take"


MESSAGES = {
    Reason.ENDED: "it has ended",
    Reason.RUNNING: "it runs",
    Reason.ABORTING: "it is being aborted",
    Reason.LOCKED: "a resource has it locked at this moment",
    Reason.HELD: "the server was restored from a backup: a daemon that has the job may take it back first",
    Reason.ON_HOLD: "it is held",
    Reason.NO_LICENCES: "not all of the licences that it requests are free",
    Reason.PROJECT_FULL: "the project runs as many jobs at once as its administrators allow",
    Reason.NO_OFFER: "no resource offers its application now",
    Reason.NO_TARGET: "none of its target resources offers its application now",
    Reason.NOT_ON: "its user has excluded all resources that could take it",
    Reason.LACKS: "none of its target resources has what it requests",
    Reason.DRAINED: "the resources that could take it are drained: they get no new jobs",
    Reason.SILENT: "no resource that could take it has called for half an hour",
    Reason.UNAVAILABLE: "the resources that could take it say that they take no jobs of its application now",
    Reason.FAILED: "it has failed on the resources that could take it: they get it again in a moment",
    Reason.MAY_TAKE: "eligible resources have not taken it: they are full, or their local limits refuse it",
}


@dataclass(frozen=True)
class ResourceVerdict:
    """Whether a resource could take a job; ``running`` is the number of its jobs of the same application.

    ``lacks`` is a capability that it has too little of for the job, ``unavailable`` its reason for taking no
    jobs of the application now; both are empty if there is none. ``is_excluded``: the user of the job does
    not want it there. ``failed_until`` is until when others get the job first, since it has failed there, in
    seconds; 0 for no such time.
    """

    resource: ResourceRow
    is_offering: bool
    is_target: bool
    lacks: str
    reason: Reason
    running: int
    unavailable: str = ""
    is_excluded: bool = False
    failed_until: int = 0

    @property
    def is_able(self) -> bool:
        """Whether the resource could take the job, whenever it last called."""
        return self.is_offering and self.is_target and not self.is_excluded and not self.lacks


def judge(
    job: JobRow, resource: ResourceRow, running: int, now: int, excluded: Mapping[str, int]
) -> ResourceVerdict:
    """Return whether a resource with this number of running jobs could take a job.

    ``excluded`` are the resources that do not get it, as `tables.job_exclusions.of_job` returns them.
    """
    name, capability = resource.resource_name, resource.resource_capabilities
    found = ResourceVerdict(
        resource,
        is_offering=is_offered(resource, job.application),
        is_target=comma_lists.contains_any(job.target_resources, [name]),
        lacks=capabilities.missing_capability(capability, job.application, job.job_specifics),
        reason=Reason.MAY_TAKE,
        running=running,
        unavailable=capabilities.unavailable_reason(capability, job.application),
        is_excluded=excluded.get(name) == 0,
        failed_until=excluded.get(name, 0),
    )
    return replace(found, reason=_reason(found, now))


def _reason(found: ResourceVerdict, now: int) -> Reason:
    """Return the first reason for which a resource does not take a job, or that it may."""
    is_silent = found.resource.last_call_time < now - SILENT_SECONDS
    for reason, is_so in (
        (Reason.NO_OFFER, not found.is_offering),
        (Reason.NO_TARGET, not found.is_target),
        (Reason.NOT_ON, found.is_excluded),
        (Reason.LACKS, bool(found.lacks)),
        (Reason.DRAINED, found.resource.is_drained),
        (Reason.SILENT, is_silent),
        (Reason.UNAVAILABLE, bool(found.unavailable)),
        (Reason.FAILED, found.failed_until > now),
    ):
        if is_so:
            return reason
    return Reason.MAY_TAKE
