"""A job as a caller: what stands in the certificate a server of ours has given it.

It stands in the subject alternative name. The common name is one that no identity can have, so that whoever
took such a certificate for an ordinary one would find nobody in it.
"""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs, urlencode

from cryptography import x509
from cryptography.x509.oid import NameOID

SCHEME = "lgi-job:"
_NAMES = ("project", "job_id", "resource", "reference", "certificate")


@dataclass(frozen=True)
class JobClaims:
    """A job as one daemon runs it: of a project, on a resource, under the daemon's reference.

    ``certificate`` is the fingerprint of the one the resource was registered with then.
    """

    project: str
    job_id: int
    resource: str
    reference: str
    certificate: str


@dataclass(frozen=True)
class JobCertificate:
    """A job's certificate. What it allows the database says, at each use."""

    job: JobClaims
    not_after: datetime

    @property
    def caller(self) -> str:
        """How the log calls it."""
        return f"job {self.job.job_id} on {self.job.resource}"

    @property
    def account(self) -> str:
        """Whose account what it holds is counted for: its own, not that of its resource."""
        return f"job {self.job.job_id} of {self.job.project}"


def subject(job: JobClaims) -> x509.Name:
    """Return the name in a job's certificate."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "LGI job"),
            # A field that is empty: such a name is refused wherever an identity is read.
            x509.NameAttribute(NameOID.COMMON_NAME, f"job {job.job_id};"),
        ]
    )


def alternative(job: JobClaims) -> x509.UniformResourceIdentifier:
    """Return what says which job it is."""
    return x509.UniformResourceIdentifier(SCHEME + urlencode(vars(job)))


def read(certificate: x509.Certificate) -> JobCertificate:
    """Return the job in a certificate that is known to be a job's. ValueError when there is none."""
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
    return JobCertificate(job, certificate.not_valid_after_utc)
