"""The calls by which resources read and change their jobs (wire.md 6)."""

from functools import partial

from lgi_server.api import end_fields, fields, specifics
from lgi_server.api.context import ResourceContext, SessionContext
from lgi_server.api.form import check_size
from lgi_server.api.responses import Elements
from lgi_server.background.timestamp_batcher import Timestamp
from lgi_server.services.jobs import updates
from lgi_server.services.jobs.updates import JobChange
from lgi_server.tables.job_queue.jobs import JobRow


def resource_request_job_details(call: SessionContext) -> Elements:
    """Return all details of a job that the session has locked."""
    job_id = call.form.number(fields.JOB_ID)
    job = updates.locked_by_resource(call.transaction, call.resource, call.session_id, job_id)
    return (*call.header(), call.answers.details(job))


def resource_update_job(call: SessionContext) -> Elements:
    """Change a job that the session has locked."""
    job_id = call.form.number(fields.JOB_ID)
    job = updates.update(
        call.transaction, call.resource, call.session_id, job_id, partial(_change, call), now=call.now
    )
    return (*call.header(), call.answers.updated(job))


def _change(call: SessionContext, job: JobRow) -> JobChange:
    """Return the posted change; its fields are checked in the order of LGI."""
    form = call.form
    updates.check_reference(job, form.line(fields.REFERENCE))
    state = updates.check_state(job, form.line(fields.NEW_STATE))
    targets = form.names(fields.NEW_TARGETS)
    change = JobChange(
        state=state,
        target_resources=updates.check_new_targets(call.transaction, job, call.resource, targets),
        input=form.data(fields.INPUT),
        output=form.data(fields.OUTPUT),
        job_specifics=updates.check_takeover(job, form.markup(fields.ECHOED_SPECIFICS, _echoed)),
        end=end_fields.posted(form, state or job.state),
    )
    result = change.end.result(state)
    if result is not None and not job.ended:
        count_end = partial(call.runtime.metrics.ended, call.project.name, job.application, result.value)
        call.transaction.on_commit(count_end)
    return change


def _echoed(posted: str) -> str:
    """Return job_specifics, as a daemon posts them back, without the server's own tags.

    Raises LGIError SPECIFICS_TOO_BIG; the tags of server and daemon do not count.
    """
    check_size(fields.SPECIFICS, specifics.without_server_tags(posted))
    return specifics.without_repository(posted)


def resource_job_state(call: ResourceContext) -> Elements:
    """Return the state of a job to one of its targets, and store the call as the heartbeat of the job."""
    job_id = call.form.number(fields.JOB_ID)
    job = updates.seen_by_resource(call.transaction, call.resource, job_id)
    call.project.timestamps.add((Timestamp.JOB_PULSE, job_id), call.now)
    return (*call.header(), call.answers.state(job))
