"""The calls for, and of, jobs that run: wire.md 6, ours."""

from datetime import UTC, datetime

from lgi_protocol import hexcode
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_protocol.xml import Element
from lgi_server.api import end_fields, fields, responses, specifics
from lgi_server.api.context import JobContext, ResourceContext
from lgi_server.api.registry import job_call, resource_call
from lgi_server.api.responses import Elements
from lgi_server.auth import client_certificate
from lgi_server.auth.job_certificate import JobClaims
from lgi_server.services.access import job_principals
from lgi_server.services.jobs import submission
from lgi_server.services.jobs.submission import JobPayload, SubmitRequest


@resource_call(session=False, writes=False)
def resource_job_certificate(call: ResourceContext) -> Elements:
    """A certificate for a job that runs on this resource, taken by the daemon that names its reference."""
    authority = call.trust.jobs
    if authority is None:
        raise LGIError(ErrorNumber.CERTIFICATE, message="This server gives jobs no certificates")
    job = JobClaims(
        project=call.project,
        job_id=call.form.number(fields.JOB_ID),
        resource=call.resource.resource_name,
        reference=call.form.word(fields.OWN_REFERENCE),
        certificate=client_certificate.fingerprint(call.resource.client_certificate),
    )
    request = call.form.data(fields.CERTIFICATE_REQUEST)
    now = datetime.fromtimestamp(call.now, UTC)
    pem = job_principals.issue_certificate(call.transaction, authority, call.resource, job, request, now)
    certificate = Element("certificate", hexcode.encode(pem))
    return (*call.header(), Element("job_id", job.job_id), certificate)


@job_call(writes=False)
def resource_signup_resource(call: JobContext) -> Elements:
    """An answer for the LGI_qsub of LGI 1.31, which signs up before it submits and signs off after it.

    Its session_id is the job's number. There is no such session, so nothing can be locked with it.
    """
    if call.form.text(fields.CAPABILITIES):
        raise LGIError(ErrorNumber.CERTIFICATE, "a job does not say what its resource offers")
    return _no_session(call)


@job_call(writes=False)
def resource_signoff_resource(call: JobContext) -> Elements:
    """The end of what `resource_signup_resource` has told a job; LGIError 8, 62 or 16."""
    session_id = call.form.number(fields.SESSION_ID)
    if session_id != call.holder.job.job_id:
        raise LGIError(ErrorNumber.NO_SESSION, str(session_id))
    return _no_session(call)


def _no_session(call: JobContext) -> Elements:
    session = Element("session_id", call.holder.job.job_id)
    return (*call.header(), *responses.slave_servers(call.servers), session)


@job_call(takes_files=True)
def resource_submit_job(call: JobContext) -> Elements:
    """Queue a job of the owners of the job that calls: as for a resource, but without session or lock."""
    state = call.form.word(fields.STATE)
    if state != State.QUEUED:
        raise LGIError(ErrorNumber.STATE, "a job may submit only queued jobs")
    application = call.form.tag(fields.APPLICATION)
    owners = call.form.names(fields.OWNERS)
    targets = call.form.names(fields.TARGETS)
    parent = call.holder.job
    request = call.request("job", str(parent.job_id))
    wanted = SubmitRequest(application, targets, lambda: _details(call), request, call.licences)
    job = submission.submit_as_job(
        call.transaction, parent, wanted, owners, call.config, call.store, call.now
    )
    return (*call.header(), call.answers.details(job))


def _details(call: JobContext) -> JobPayload:
    """The rest of a submit. Specifics copied from the job's own lose what says where that one is."""
    form = call.form
    return JobPayload(
        uploads=call.uploads(),
        job_specifics=form.markup(fields.SPECIFICS, specifics.without_place),
        input=form.data(fields.INPUT),
        output=form.data(fields.OUTPUT),
        read_access=form.names(fields.READ_ACCESS),
        write_access=form.names(fields.WRITE_ACCESS),
        end=end_fields.posted(form, State.QUEUED),
    )
