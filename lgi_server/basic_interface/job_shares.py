"""The forms that share a job with others, and take their access away."""

from functools import partial

from lgi_protocol.errors import LGIError
from lgi_server.api import fields
from lgi_server.basic_interface import job
from lgi_server.basic_interface.registry import Answer, PageContext, Redirect
from lgi_server.services.jobs import sharing
from lgi_server.services.jobs.sharing import AccessChange

SECTION = "sharing"
NAMES = fields.Field("share_with", fields.SHORT, fields.E.READ_ACCESS_TOO_BIG, fields.E.READ_ACCESS_TOO_BIG)
RIGHT = fields.Field("right", fields.SHORT, fields.E.STATE_TOO_BIG, fields.E.STATE)
READ, WRITE = "read", "write"


def share_job(visit: PageContext, job_id: int) -> Answer:
    """Let others read a job, or change it too; LGIError as the call."""
    return _changed(visit, job_id, posted(visit))


def posted(visit: PageContext) -> AccessChange:
    """Return whom the posted form gives which right; LGIError."""
    names, right = visit.form.names(NAMES), visit.form.line(RIGHT) or READ
    if not names:
        raise NAMES.refusal(NAMES.malformed, "name at least one user or group")
    if right not in {READ, WRITE}:
        raise RIGHT.refusal(RIGHT.malformed, f"{right[:40]!r} is neither {READ} nor {WRITE}")
    readers, writers = (names, ()) if right == READ else ((), names)
    return AccessChange(readers, writers)


def unshare_job(visit: PageContext, job_id: int) -> Answer:
    """Take the access of others away; LGIError as the call."""
    return _changed(visit, job_id, AccessChange(removed=visit.form.names(fields.NO_ACCESS)))


def _changed(visit: PageContext, job_id: int, change: AccessChange) -> Answer:
    job.seen(visit, job_id)
    admin_group = visit.visitor.server.config.admin_group
    (outcome,) = sharing.share_by_user(
        visit.transaction, visit.user, [job_id], change, admin_group=admin_group, now=visit.now
    )
    if isinstance(outcome, LGIError):
        raise outcome
    return Redirect(f"jobs/{job_id}#{SECTION}")


form_again = partial(job.job_again, at_fault=NAMES.name)
