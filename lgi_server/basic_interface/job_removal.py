"""The pages to delete or abort a job: a question first, then the form."""

from lgi_protocol import states
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.basic_interface.job import may_change, seen
from lgi_server.basic_interface.registry import Answer, PageContext, Redirect, Template
from lgi_server.services.jobs import deletion


def ask_to_delete(visit: PageContext, job_id: int) -> Answer:
    """Return the form that asks whether to delete a job; LGIError NO_JOB or MODIFY_REFUSED."""
    found = seen(visit, job_id)
    if not may_change(visit, found):
        raise LGIError(ErrorNumber.MODIFY_REFUSED, f"job {job_id}")
    return Template(
        "basic_interface/job_removal.html", {"job": found, "removable": states.removable(found.state)}
    )


def delete_job(visit: PageContext, job_id: int) -> Answer:
    """Delete a job that is queued or has ended; have any other aborted."""
    seen(visit, job_id)
    gone = deletion.delete_by_user(visit.transaction, visit.user, job_id, visit.store, visit.now)
    return Redirect(f"jobs?deleted={job_id}" if gone.state == states.DELETED else f"jobs/{job_id}")
