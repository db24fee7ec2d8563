"""The calls by which resources lock and unlock jobs (wire.md 6)."""

from lgi_protocol.xml import Element
from lgi_server.api import fields
from lgi_server.api.context import SessionContext
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import locking
from lgi_server.tables.running_locks import Lock


def resource_lock_job(call: SessionContext) -> Elements:
    """Lock a job for the session."""
    job_id = call.form.number(fields.JOB_ID)
    session = (call.resource, call.session_id)
    totals, most = call.project.licences, call.project.settings.max_running_jobs
    lock = locking.lock(call.transaction, session, job_id, totals, now=call.now, most_running=most)
    return (*call.header(), *lock_elements(lock, "lock_time", lock.lock_time))


def resource_unlock_job(call: SessionContext) -> Elements:
    """Unlock a job that the session has locked."""
    job_id = call.form.number(fields.JOB_ID)
    lock = locking.unlock(call.transaction, call.resource, call.session_id, job_id)
    return (*call.header(), *lock_elements(lock, "unlock_time", call.now))


def lock_elements(lock: Lock, time_name: str, time: int) -> Elements:
    """Return a lock with a time, in seconds, which is called "lock_time" or "unlock_time"."""
    return (
        Element("job_id", lock.job_id),
        Element(
            "lock",
            (
                Element("lock_id", lock.lock_id),
                Element("job_id", lock.job_id),
                Element(time_name, time),
                Element("session_id", lock.session_id),
                Element("resource_id", lock.resource_id),
            ),
        ),
    )
