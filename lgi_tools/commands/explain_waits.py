"""What a queued job waits for, as LGI_explain says it: holds, other jobs, licences, and its deadline."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Slow to load: only their fields are read.
    from lgi_tools.client.explanation import Explanation
    from lgi_tools.client.hold import Hold
    from lgi_tools.client.job import Details
    from lgi_tools.client.resource import Resource

# Jobs that one waits for: of more than the first number only the second are named.
_MOST_WAITS, _SHOWN_WAITS = 10, 5


def deadline(job: "Details", left: timedelta) -> str:
    """Return when the deadline of a job is, and whether it will be missed."""
    if left <= timedelta():
        return f"it has missed its deadline, {age(-left)} ago"
    if job.is_late:
        asked = age(timedelta(seconds=job.requested_seconds))
        return f"it will miss its deadline in {age(left)}: it asks for {asked}"
    return f"its deadline is in {age(left)}"


def hold(job_id: int, one: "Hold", now: datetime) -> str:
    """Return who or what holds a job, since when, and how that ends."""
    until = f", for {age(one.until - now)} more" if one.until else ""
    option = "" if one.reason == "user" else "--now "
    advice = f"; LGI_release {option}{job_id} releases it" if one.reason in {"user", "after", "retry"} else ""
    return f"  held for {age(now - one.since)} by {one.summary}{until}{advice}"


def waits(found: "Explanation") -> Iterator[str]:
    """Yield the jobs that one waits for; of many some are named, and the others counted."""
    shown = found.waits if len(found.waits) <= _MOST_WAITS else found.waits[:_SHOWN_WAITS]
    yield from (f"  waits for job {one.job_id}: {one.state or 'deleted'}" for one in shown)
    if more := max(found.count_of_waits, len(found.waits)) - len(shown):
        yield f"  waits for {more} more jobs, {more + len(shown)} in all"


def on_resource(found: "Explanation | None", now: datetime) -> Iterator[str]:
    """Yield why a resource that has the job, or had it, does not run it, as its daemon says."""
    if found and (one := found.waits_on):
        yield f"  waits on {one.resource}: {one.reason} (for {age(now - one.since)})"


def in_its_way(found: "Explanation") -> Iterator[str]:
    """Yield how many jobs are ahead of one, and the licences that it needs."""
    if found.jobs_before:
        yield f"  {found.jobs_before}{' or more' if found.or_more else ''} queued jobs are ahead of it"
    for one in found.licences:
        yield f"  licence {one.name}: needs {one.requested}, {one.used} of {one.total} in use"


def exclusion(found: "Explanation", resource: str, now: datetime) -> str:
    """Return why a resource that might take a job does not get it, now or at all; empty for no reason."""
    if resource in found.excluded:
        return "is excluded by the job's --not-on"
    if until := found.failed_until.get(resource):
        return f"gets it in {age(until - now)}: it has just failed there, and others come first"
    return ""


def slots(resource: "Resource", now: datetime) -> str:
    """Return how many of the slots of a resource are free, as it said last; empty if it did not say so.

    These are for the jobs of all its applications: of how many each may have a daemon says nothing.
    """
    machine, told_at = resource.machine, resource.machine_told_at
    if machine is None or told_at is None or not machine.slots or machine.free_slots is None:
        return ""
    return f"{machine.free_slots} of its {machine.slots} slots were free {age(now - told_at)} ago; "


def age(span: timedelta) -> str:
    """Return a time span in its largest unit, as ``3 hours``."""
    seconds = max(0, int(span.total_seconds()))
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return _counted(seconds // length, unit)
    return _counted(seconds, "second")


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"
