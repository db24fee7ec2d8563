"""Certificates of jobs: the claims in them, as a URI in the subject alternative name.

The common name is one that no user, resource or server can have, so that such a certificate cannot be
mistaken for theirs.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from urllib.parse import parse_qs, urlencode

from cryptography import x509
from cryptography.x509.oid import NameOID

SCHEME = "lgi-job:"
_NAMES = ("project", "job_id", "resource", "reference", "certificate")


@dataclass(frozen=True)
class JobClaims:
    """A job of a project, as a daemon with this reference runs it on a resource.

    ``certificate`` is the fingerprint of the resource's certificate at the time of issue.
    """

    project: str
    job_id: int
    resource: str
    reference: str
    certificate: str


@dataclass(frozen=True)
class JobCertificate:
    """The certificate of a job; at each use the database decides what it allows."""

    job: JobClaims
    not_before: datetime
    not_after: datetime

    @property
    def caller(self) -> str:
        """The name of the caller in the log."""
        return f"job {self.job.job_id} on {self.job.resource}"

    @cached_property
    def account(self) -> str:
        """Whose account what it holds is counted for: its own, not that of its resource."""
        return f"job {self.job.job_id} of {self.job.project}"


def subject(job: JobClaims) -> x509.Name:
    """Return the subject of a job's certificate."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "LGI job"),
            # It ends with an empty field, for which every parser of common names refuses it.
            x509.NameAttribute(NameOID.COMMON_NAME, f"job {job.job_id};"),
        ]
    )


def alternative(job: JobClaims) -> x509.UniformResourceIdentifier:
    """Return the alternative name with the claims."""
    return x509.UniformResourceIdentifier(SCHEME + urlencode(vars(job)))


def read(certificate: x509.Certificate) -> JobCertificate:
    """Return the claims in a certificate that is known to be a job's. Raises ValueError."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise ValueError("the certificate names no job") from None
    found = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(found) != 1 or not found[0].startswith(SCHEME):
        raise ValueError("the certificate names no job")
    values = parse_qs(found[0].removeprefix(SCHEME), strict_parsing=True, errors="strict")
    if any(len(values.get(name, ())) != 1 for name in _NAMES) or len(values) != len(_NAMES):
        raise ValueError("the certificate does not name one job")
    project, job_id, resource, reference, fingerprint = (values[name][0] for name in _NAMES)
    job = JobClaims(project, int(job_id), resource, reference, fingerprint)
    return JobCertificate(job, certificate.not_valid_before_utc, certificate.not_valid_after_utc)
