"""Rights of running jobs, which their certificates prove; the database is asked at each use.

A certificate is void when the job has ended, when another daemon has taken it, or when the certificate of its
resource was replaced or revoked.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime

from lgi_protocol import comma_lists, states
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.auth import client_certificate
from lgi_server.auth.client_certificate import TrustConfig
from lgi_server.auth.job_ca import JobsAuthority, read_request
from lgi_server.auth.job_certificate import JobCertificate, JobClaims
from lgi_server.db.transaction import Transaction
from lgi_server.services.access.job_holder import is_held
from lgi_server.services.jobs import updates
from lgi_server.tables import active_resources
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow

_ALIVE = frozenset({State.RUNNING, State.ABORTING})


@dataclass(frozen=True)
class AuthenticatedJob:
    """A calling job, and the resource on which it runs."""

    job: JobRow
    resource: ResourceRow


def account(job: JobRow) -> str:
    """Return the account that a user's jobs have together; who has many of them has no more for that."""
    return f"jobs of {next(iter(job.owners), '')}"


def authenticate_job(
    transaction: Transaction, who: JobCertificate, trust: TrustConfig, now: float
) -> AuthenticatedJob:
    """Return the job of a certificate; LGIError CERTIFICATE unless all of its claims are still true.

    The error is the same for all reasons, so that the key of an ended job reveals nothing.
    """
    resource = active_resources.named(transaction, who.job.resource)
    job = jobs.find_summary(transaction, who.job.job_id)
    if (
        resource is None
        or job is None
        or not _is_trusted(resource, who.job.certificate, trust, now)
        or not _runs_on(job, resource)
        or not is_held(job, who.job.reference)
    ):
        raise LGIError(ErrorNumber.CERTIFICATE, "the job does not run on this resource any more")
    return AuthenticatedJob(job, resource)


def _is_trusted(resource: ResourceRow, fingerprint: str, trust: TrustConfig, now: float) -> bool:
    """Return whether the certificate of a resource still has this fingerprint and is not revoked."""
    pem = resource.client_certificate
    try:
        serial = client_certificate.read(client_certificate.der_of(pem)).serial
    except ValueError:
        return False
    if not hmac.compare_digest(client_certificate.fingerprint(pem).encode(), fingerprint.encode()):
        return False
    return not trust.revocation.is_revoked(serial, now)


def _runs_on(job: JobRow, resource: ResourceRow) -> bool:
    """Return whether this resource itself has taken a job; the target ``any`` does not count."""
    return resource.resource_name in job.target_resources and states.normalized(job.state) in _ALIVE


def issue_certificate(
    transaction: Transaction,
    jobs_authority: JobsAuthority,
    resource: ResourceRow,
    asked: JobClaims,
    request: bytes,
    *,
    now: datetime,
) -> bytes:
    """Return a certificate (PEM) for a job that runs on the resource, for the daemon that has it.

    Raises LGIError NO_JOB, NOT_VISIBLE, STATE, NOT_YOUR_LOCK or CERTIFICATE.
    """
    job = updates.seen_by_resource(transaction, resource, asked.job_id)
    if resource.resource_name not in job.target_resources:
        raise LGIError(ErrorNumber.NOT_VISIBLE, f"job {asked.job_id}")
    if not _runs_on(job, resource):
        raise LGIError(ErrorNumber.STATE, f"a job that is {job.state} cannot get a certificate")
    if not is_held(job, asked.reference):
        raise LGIError(ErrorNumber.NOT_YOUR_LOCK, f"another daemon has job {asked.job_id}")
    own = client_certificate.read(client_certificate.der_of(resource.client_certificate))
    return jobs_authority.issue(read_request(request), asked, own.not_after, now)


def may_read(job: JobRow, other: JobRow, admin_group: str) -> bool:
    """Return whether a job may read the repository of another: if one of its owners may.

    The administrators' group does not count as an owner: it may read everything, and its jobs run anywhere.
    """
    return comma_lists.contains_any(
        other.read_access, [owner for owner in job.owners if owner != admin_group]
    )
