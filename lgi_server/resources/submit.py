"""The call by which resources submit jobs (wire.md 6)."""

from functools import partial

from lgi_protocol import labels
from lgi_server.api import end_fields, fields, plan_fields, specifics
from lgi_server.api.context import SessionContext
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import resource_submission, updates
from lgi_server.services.jobs.submit_request import NO_PLAN, JobPayload, SubmitRequest


def resource_submit_job(call: SessionContext) -> Elements:
    """Store a job, locked for the session."""
    state = updates.check_first_state(call.form.line(fields.STATE))
    application = call.form.tag(fields.APPLICATION)
    owners = call.form.names(fields.OWNERS)
    targets = call.form.names(fields.TARGETS)
    key = call.idempotency_key("resource", call.resource.resource_name)
    request = SubmitRequest(application, targets, partial(_details, call, state), key)
    session = (call.resource, call.session_id)
    job = resource_submission.submit_as_resource(call.submit_context(), session, request, state, owners)
    return (*call.header(), call.answers.details(job))


def _details(call: SessionContext, state: str) -> JobPayload:
    """Return the other fields and the files, checked in the order of LGI."""
    form = call.form
    return JobPayload(
        uploads=call.uploads(),
        job_specifics=form.markup(fields.SPECIFICS, specifics.without_repository),
        input=form.data(fields.INPUT),
        output=form.data(fields.OUTPUT),
        read_access=form.names(fields.READ_ACCESS),
        write_access=form.names(fields.WRITE_ACCESS),
        end=end_fields.posted(form, state),
        job_name=form.checked(fields.JOB_NAME, labels.check_name),
        labels=form.checked(fields.LABELS, labels.normalize_labels),
        plan=plan_fields.posted(form) if form.has_any(fields.PLANS) else NO_PLAN,
    )
