"""A key and certificate for each job, so that no job needs the key of its resource.

The key is created when the job is prepared. The server certifies it once the job is claimed, and again when
half of the certificate's validity is over or the resource has a new certificate. Without one the job runs
nevertheless.
"""

import logging
import time
from dataclasses import replace
from pathlib import Path

from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.lifecycle import ServerIntent
from lgi_daemon.rundir.record import JobRecord, Phase
from lgi_daemon.rundir.run_directory import RunDirectory
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.job_directory import JOB_CA, JOB_CERTIFICATE, JOB_KEY
from lgi_protocol.resource_api import ResourceCalls

log = logging.getLogger(__name__)

# More than any certificate needs; a server could send megabytes for each job.
_MAX_BYTES = 16 * 1024


def with_key(record: JobRecord, run: RunDirectory, key: str = "") -> JobRecord:
    """Return the record of a new job with a key, and with the CA certificate where the job can read it.

    ``key`` (PEM) is one that was made before. A job with a uid of its own could not read the resource's key:
    it has no key file until it has a certificate. Raise OSError or ValueError when the CA certificate cannot
    be read.
    """
    from lgi_daemon.files import job_key

    keyed = replace(record, job_key=key or job_key.generate(), job_ca=Path(record.ca_file).read_text("utf-8"))
    keyed = replace(keyed, ca_file=str(run.files(record).path / JOB_CA))
    return replace(keyed, key_file="", certificate_file="") if run.sandboxed else keyed


def certificate_fields(
    record: JobRecord, run: RunDirectory, pem: bytes, fingerprint: str
) -> dict[str, str | float]:
    """Return what a certificate (PEM) that a server has issued for the key of a job changes in its record.

    Raise ValueError unless it is one.
    """
    from lgi_daemon.files import job_key

    if len(pem) > _MAX_BYTES:
        raise ValueError("the answer is too long for a certificate")
    certificate = job_key.load_certificate(pem, record.job_key)
    directory = run.files(record).path
    return {
        "job_certificate": certificate.pem,
        "job_certificate_half_over": certificate.half_over,
        "job_certificate_shown": fingerprint,
        "key_file": str(directory / JOB_KEY),
        "certificate_file": str(directory / JOB_CERTIFICATE),
    }


def is_due(job: LocalJob, fingerprint: str, now: float) -> bool:
    """Return whether a claimed job needs a certificate: it has none, or one that is invalid or half expired.

    ``fingerprint`` is that of the resource's certificate in use: certificates issued under another one are
    invalid. ``now`` is in Unix seconds.
    """
    record = job.record
    if not record.job_key or record.phase is not Phase.ACCEPTED or record.ending:
        return False
    if job.intent not in {ServerIntent.WANTED, ServerIntent.UNWANTED}:
        return False
    return now >= record.job_certificate_half_over or fingerprint != record.job_certificate_shown


def renew(job: LocalJob, calls: ResourceCalls, fingerprint: str) -> None:
    """Let the server certify a job's key when that is due. A failure is logged and retried later."""
    record = job.record
    if not is_due(job, fingerprint, time.time()):
        return
    from lgi_daemon.files import job_key

    try:
        pem = calls.job_certificate(record.job_id, record.reference, job_key.signing_request(record.job_key))
        job.save(**certificate_fields(record, job.run, pem, fingerprint))
        log.debug("%s: received a certificate", job.title)
    except (OSError, ServerError, TransportError, ValueError) as error:
        log.warning("%s: cannot get a certificate for it: %s", job.title, error)
