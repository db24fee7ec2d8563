"""The calls by which resources lock and unlock jobs (wire.md 6)."""

from lgi_server.api import fields, responses
from lgi_server.api.context import SessionContext
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import locking


def resource_lock_job(call: SessionContext) -> Elements:
    """Lock a job for the session."""
    job_id = call.form.number(fields.JOB_ID)
    session = (call.resource, call.session_id)
    lock = locking.lock(call.transaction, session, job_id, call.project.licences, call.now)
    return (*call.header(), *responses.locked(lock, "lock_time", lock.lock_time))


def resource_unlock_job(call: SessionContext) -> Elements:
    """Unlock a job that the session has locked."""
    job_id = call.form.number(fields.JOB_ID)
    lock = locking.unlock(call.transaction, call.resource, call.session_id, job_id)
    return (*call.header(), *responses.locked(lock, "unlock_time", call.now))
