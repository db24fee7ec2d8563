"""A key and a certificate of a job's own, so that no job needs the key of its resource.

The key is made when the job is prepared and stays; the server signs for it once the job is ours, and again
when half of the certificate's time is over or the resource has another one. Without a certificate the job
runs all the same.
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

# More than any certificate needs; a server could send megabytes, for each of our jobs.
_LONGEST = 16 * 1024


def keyed(record: JobRecord, run: RunDirectory) -> JobRecord:
    """The record of a new job with a key, and with the CA's certificate where the job can read it.

    OSError or ValueError when the CA's own file cannot be read.
    A job with a uid of its own could not read the resource's key: none is named until it has a certificate.
    """
    from lgi_daemon.files import job_key

    made = replace(record, job_key=job_key.new(), job_ca=Path(record.ca_file).read_text("utf-8"))
    made = replace(made, ca_file=str(run.files(record).path / JOB_CA))
    return replace(made, key_file="", certificate_file="") if run.sandboxed else made


def is_due(job: LocalJob, shown: str, now: float) -> bool:
    """Whether a job that is ours has a key without a certificate, or with one that is half over or void.

    ``shown`` tells the resource's certificate in use: those given while it had another are void.
    """
    record = job.record
    if not record.job_key or record.phase is not Phase.ACCEPTED or record.ending:
        return False
    if job.standing not in {ServerIntent.WANTED, ServerIntent.UNWANTED}:
        return False
    return now >= record.job_certificate_half_over or shown != record.job_certificate_shown


def renew(job: LocalJob, calls: ResourceCalls, shown: str) -> None:
    """Have the server certify a job's key when that is due. A failure is logged; it is tried again later."""
    record = job.record
    if not is_due(job, shown, time.time()):
        return
    from lgi_daemon.files import job_key

    try:
        pem = calls.job_certificate(record.job_id, record.reference, job_key.request(record.job_key))
        if len(pem) > _LONGEST:
            raise ValueError("the answer is too long for a certificate")
        certified = job_key.certified(pem, record.job_key)
        directory = job.run.files(record).path
        job.note(
            job_certificate=certified.pem,
            job_certificate_half_over=certified.half_over,
            job_certificate_shown=shown,
            key_file=str(directory / JOB_KEY),
            certificate_file=str(directory / JOB_CERTIFICATE),
        )
        log.debug("%s: has a certificate of its own", job.title)
    except (OSError, ServerError, TransportError, ValueError) as error:
        log.warning("%s: it was given no certificate of its own: %s", job.title, error)
