"""A key and a certificate of a job's own, so that no job needs the key of its resource.

The key is made when the job is prepared and stays; the server signs for it once the job is ours, and again
when half of the certificate's time is over. Without a certificate the job runs all the same.
"""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lgi_daemon.job import Job
from lgi_daemon.lifecycle import Standing
from lgi_daemon.record import Phase, Record
from lgi_daemon.run_directory import RunDirectory
from lgi_protocol.client import Unreachable
from lgi_protocol.errors import ServerError
from lgi_protocol.job_directory import JOB_CA, JOB_CERTIFICATE, JOB_KEY
from lgi_protocol.resource_api import ResourceCalls

log = logging.getLogger(__name__)

# More than any certificate needs; a server could send megabytes, for each of our jobs.
_LONGEST = 16 * 1024


def keyed(record: Record, run: RunDirectory) -> Record:
    """The record of a new job with a key, and with the CA's certificate where the job can read it.

    OSError or ValueError when the CA's own file cannot be read.
    A job with a uid of its own could not read the resource's key: none is named until it has a certificate.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made = replace(record, job_key=pem.decode(), job_ca=Path(record.ca_file).read_text("utf-8"))
    made = replace(made, ca_file=str(run.files(record).path / JOB_CA))
    return replace(made, key_file="", certificate_file="") if run.sandboxed else made


def is_due(job: Job, now: datetime) -> bool:
    """Whether a job that is ours has a key without a certificate, or with one that is half over."""
    record = job.record
    if not record.job_key or record.phase is not Phase.ACCEPTED or record.ending:
        return False
    if job.standing not in {Standing.WANTED, Standing.UNWANTED}:
        return False
    if not record.job_certificate:
        return True
    certificate = x509.load_pem_x509_certificate(record.job_certificate.encode())
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= begin + (end - begin) / 2


def renew(job: Job, calls: ResourceCalls, now: datetime | None = None) -> None:
    """Have the server certify a job's key when that is due. A failure is logged; it is tried again later."""
    record = job.record
    if not is_due(job, now or datetime.now(UTC)):
        return
    try:
        key = _key(record)
        pem = calls.job_certificate(record.job_id, record.reference, _request(key))
        certificate = _checked(pem, key)
        directory = job.run.files(record).path
        job.note(
            job_certificate=certificate,
            key_file=str(directory / JOB_KEY),
            certificate_file=str(directory / JOB_CERTIFICATE),
        )
        log.debug("%s: has a certificate of its own", job.title)
    except (OSError, ServerError, Unreachable, UnsupportedAlgorithm, ValueError) as error:
        log.warning("%s: it was given no certificate of its own: %s", job.title, error)


def _key(record: Record) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(record.job_key.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the key in its record is not one of ours")
    return key


def _request(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A signing request (DER). The server knows the job's name better than we do: it has none."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _checked(pem: bytes, key: ec.EllipticCurvePrivateKey) -> str:
    """A certificate the server has sent, as text; ValueError unless it is one for this key."""
    if len(pem) > _LONGEST or x509.load_pem_x509_certificate(pem).public_key() != key.public_key():
        raise ValueError("the answer is not a certificate for its key")
    return pem.decode("ascii")
