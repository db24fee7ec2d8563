"""The form that changes the deadline of a queued job."""

from functools import partial

from lgi_protocol.errors import LGIError
from lgi_server.basic_interface import deadline_fields, job
from lgi_server.basic_interface.registry import Answer, PageContext, Redirect
from lgi_server.services.jobs import user_priorities
from lgi_server.services.jobs.user_priorities import OrderChange


def change_deadline(visit: PageContext, job_id: int) -> Answer:
    """Give a queued job the posted deadline, or none; LGIError NO_JOB, MODIFY_REFUSED or STATE."""
    job.seen(visit, job_id)
    change = OrderChange(deadline=deadline_fields.read(visit.form, visit.now))
    (outcome,) = user_priorities.set_by_user(visit.transaction, visit.user, [job_id], change, visit.now)
    if isinstance(outcome, LGIError):
        raise outcome
    return Redirect(f"jobs/{job_id}")


form_again = partial(job.job_again, at_fault=deadline_fields.NAME)
