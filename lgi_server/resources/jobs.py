"""The calls by which resources see and change the jobs they have (wire.md 6)."""

from functools import partial

from lgi_server.api import end_fields, fields, specifics
from lgi_server.api.context import ResourceContext, SessionContext
from lgi_server.api.responses import Elements
from lgi_server.background.timestamp_batcher import Timestamp
from lgi_server.services.jobs import updates
from lgi_server.services.jobs.updates import Posted
from lgi_server.tables.job_queue.jobs import JobRow


def resource_request_job_details(call: SessionContext) -> Elements:
    """Return everything of a job the session has locked."""
    job_id = call.form.number(fields.JOB_ID)
    job = updates.locked_by_resource(call.transaction, call.resource, call.session_id, job_id)
    return (*call.header(), call.answers.details(job))


def resource_update_job(call: SessionContext) -> Elements:
    """Change a job the session has locked."""
    job_id = call.form.number(fields.JOB_ID)
    job = updates.update(
        call.transaction, call.resource, call.session_id, job_id, partial(_posted, call), now=call.now
    )
    return (*call.header(), call.answers.updated(job))


def _posted(call: SessionContext, job: JobRow) -> Posted:
    """Return the fields of an update, in LGI's order of faults."""
    form = call.form
    updates.check_reference(job, form.word(fields.REFERENCE))
    state = updates.check_state(job, form.word(fields.NEW_STATE))
    targets = form.names(fields.NEW_TARGETS)
    posted = Posted(
        state=state,
        target_resources=updates.check_new_targets(call.transaction, job, call.resource, targets),
        input=form.data(fields.INPUT),
        output=form.data(fields.OUTPUT),
        job_specifics=updates.check_takeover(job, form.markup(fields.ECHOED_SPECIFICS, _echoed)),
        end=end_fields.posted(form, state or job.state),
    )
    result = posted.end.result(state)
    if result is not None and not job.ended:
        count_end = partial(call.runtime.metrics.ended, call.project.name, job.application, result.value)
        call.transaction.on_commit(count_end)
    return posted


def _echoed(posted: str) -> str:
    """Specifics as a daemon posts them back.

    Raises LGIError SPECIFICS_TOO_BIG for what in them is no tag of server or daemon.
    """
    fields.SPECIFICS.check_size(specifics.without_place(posted))
    return specifics.without_repository(posted)


def resource_job_state(call: ResourceContext) -> Elements:
    """Return the state of a job for one of its targets; says that a daemon looks after it."""
    job_id = call.form.number(fields.JOB_ID)
    job = updates.seen_by_resource(call.transaction, call.resource, job_id)
    call.project.timestamps.add((Timestamp.JOB_PULSE, job_id), call.now)
    return (*call.header(), call.answers.state(job))
