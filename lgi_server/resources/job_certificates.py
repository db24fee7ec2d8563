"""The call by which daemons get certificates for running jobs: wire.md 6, ours."""

from datetime import UTC, datetime

from lgi_protocol import hexcode
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.xml import Element
from lgi_server.api import fields
from lgi_server.api.context import ResourceContext
from lgi_server.api.responses import Elements
from lgi_server.auth import client_certificate
from lgi_server.auth.job_certificate import JobClaims
from lgi_server.services.access import job_principals


def resource_job_certificate(call: ResourceContext) -> Elements:
    """Return a certificate for a job that runs on this resource, to the daemon with its reference."""
    authority = call.runtime.trust.jobs
    if authority is None:
        raise LGIError(ErrorNumber.CERTIFICATE, message="This server issues no certificates for jobs")
    job = JobClaims(
        project=call.project.name,
        job_id=call.form.number(fields.JOB_ID),
        resource=call.resource.resource_name,
        reference=call.form.line(fields.OWN_REFERENCE),
        certificate=client_certificate.fingerprint(call.resource.client_certificate),
    )
    request = call.form.data(fields.CERTIFICATE_REQUEST)
    now = datetime.fromtimestamp(call.now, UTC)
    pem = job_principals.issue_certificate(call.transaction, authority, call.resource, job, request, now=now)
    certificate = Element("certificate", hexcode.encode(pem))
    return (*call.header(), Element("job_id", job.job_id), certificate)
