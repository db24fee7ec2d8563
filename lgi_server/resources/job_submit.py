"""The call by which a running job submits another one: wire.md 6, ours."""

from functools import partial

from lgi_protocol import labels
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.api import end_fields, fields, plan_fields, specifics
from lgi_server.api.job_context import JobContext
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import resource_submission
from lgi_server.services.jobs.submit_request import NO_PLAN, JobPayload, SubmitRequest


def resource_submit_job(call: JobContext) -> Elements:
    """Queue a job for owners of the calling job; as for a resource, but without session and lock."""
    state = call.form.line(fields.STATE)
    if state != State.QUEUED:
        raise LGIError(ErrorNumber.STATE, "a job may submit only queued jobs")
    application = call.form.tag(fields.APPLICATION)
    owners = call.form.names(fields.OWNERS)
    targets = call.form.names(fields.TARGETS)
    parent = call.holder.job
    key = call.idempotency_key("job", str(parent.job_id))
    request = SubmitRequest(application, targets, partial(_details, call), key)
    job = resource_submission.submit_as_job(call.submit_context(), parent, request, owners)
    return (*call.header(), call.answers.details(job))


def _details(call: JobContext) -> JobPayload:
    """Return the other fields and the files; copied job_specifics lose the server's own tags."""
    form = call.form
    return JobPayload(
        uploads=call.uploads(),
        job_specifics=form.markup(fields.SPECIFICS, specifics.without_server_tags),
        input=form.data(fields.INPUT),
        output=form.data(fields.OUTPUT),
        read_access=form.names(fields.READ_ACCESS),
        write_access=form.names(fields.WRITE_ACCESS),
        end=end_fields.posted(form, State.QUEUED),
        job_name=form.checked(fields.JOB_NAME, labels.check_name),
        labels=form.checked(fields.LABELS, labels.normalize_labels),
        plan=plan_fields.posted(form) if form.has_any(fields.PLANS) else NO_PLAN,
    )
