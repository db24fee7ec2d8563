"""Forms that hold a job, and release it."""

from lgi_protocol.errors import LGIError
from lgi_server.basic_interface.job import seen
from lgi_server.basic_interface.registry import Answer, PageContext, Redirect
from lgi_server.services.jobs import holds
from lgi_server.services.jobs.queued_jobs import Outcome


def hold_job(visit: PageContext, job_id: int) -> Answer:
    """Hold a queued job; LGIError NO_JOB, MODIFY_REFUSED or STATE."""
    seen(visit, job_id)
    return _shown(holds.hold_by_user(visit.transaction, visit.user, [job_id], "", visit.now), job_id)


def release_job(visit: PageContext, job_id: int) -> Answer:
    """Release a queued job; LGIError NO_JOB, MODIFY_REFUSED or STATE."""
    seen(visit, job_id)
    return _shown(holds.release_by_user(visit.transaction, visit.user, [job_id], visit.now), job_id)


def _shown(outcomes: list[Outcome], job_id: int) -> Answer:
    for outcome in outcomes:
        if isinstance(outcome, LGIError):
            raise outcome
    return Redirect(f"jobs/{job_id}")
