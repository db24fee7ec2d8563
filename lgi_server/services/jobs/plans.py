"""The plans of new jobs: when each is given out."""

from collections.abc import Sequence

from lgi_server.services.jobs import dependencies
from lgi_server.services.jobs.submit_request import JobPlan
from lgi_server.tables import job_holds
from lgi_server.tables.job_holds import Hold


def holds(plan: JobPlan, owners: Sequence[str], now: int) -> tuple[Hold, ...]:
    """Return what keeps a new job back; its number is not known yet."""
    by = f"user {next(iter(owners), '')}"[:254]
    own = (Hold(0, job_holds.USER, now, None, by),) if plan.hold else ()
    return (*own, *dependencies.hold_of(plan, now))
