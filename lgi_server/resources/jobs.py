"""The calls by which resources read and change their jobs (wire.md 6)."""

from functools import partial

from lgi_server.api import fields
from lgi_server.api.context import ResourceContext, SessionContext
from lgi_server.api.responses import Elements
from lgi_server.background.timestamp_batcher import Timestamp
from lgi_server.resources.job_change import read_change
from lgi_server.services.jobs import updates


def resource_request_job_details(call: SessionContext) -> Elements:
    """Return all details of a job that the session has locked."""
    job_id = call.form.number(fields.JOB_ID)
    job = updates.locked_by_resource(call.transaction, call.resource, call.session_id, job_id)
    return (*call.header(), call.answers.details(job))


def resource_update_job(call: SessionContext) -> Elements:
    """Change a job that the session has locked."""
    job_id = call.form.number(fields.JOB_ID)
    change = partial(read_change, call, call.form)
    job = updates.update(call.transaction, call.resource, call.session_id, job_id, change, now=call.now)
    return (*call.header(), call.answers.updated(job))


def resource_job_state(call: ResourceContext) -> Elements:
    """Return the state of a job to one of its targets, and store the call as the heartbeat of the job."""
    job_id = call.form.number(fields.JOB_ID)
    job = updates.seen_by_resource(call.transaction, call.resource, job_id)
    call.project.timestamps.add((Timestamp.JOB_PULSE, job_id), call.now)
    return (*call.header(), call.answers.state(job))
