"""Takes one offered job: stores it, runs its limits script, and only then claims it at the server."""

import logging
import secrets
from dataclasses import dataclass, replace

from lgi_daemon.config.model import ApplicationSettings, Configuration, ProjectSettings
from lgi_daemon.execution.scripts import Scripts
from lgi_daemon.jobs import credentials as jobs_credentials
from lgi_daemon.jobs import library
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.limits_check import passes_limits_script
from lgi_daemon.rundir import script_copies
from lgi_daemon.rundir.record import JobRecord, Phase, claimed_by
from lgi_daemon.rundir.run_directory import RunDirectory
from lgi_protocol import job_description, job_repository, sign_up
from lgi_protocol.daemon_reference import with_reference
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.job_repository import RepositoryError
from lgi_protocol.resource_api import ResourceCalls
from lgi_protocol.states import State

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OfferedJob:
    """A job as a server offers it, with that server and the settings that apply to it."""

    description: job_description.JobDescription
    project: ProjectSettings
    application: ApplicationSettings
    server: str
    master_server: str
    resource: str
    max_field_size: int
    job_certificates: bool = False


@dataclass(frozen=True, eq=False)
class Reservation:
    """What is reserved for an offered job: room, a uid, and GPUs (None where there are none for jobs)."""

    offer: OfferedJob
    uid: int
    gpus: tuple[str, ...] | None = None


@dataclass(frozen=True)
class OfferSource:
    """Where offered jobs come from, and for which application."""

    project: ProjectSettings
    application: ApplicationSettings
    server: str
    sign_up: sign_up.SignUp
    resource: str

    def job(self, description: job_description.JobDescription) -> OfferedJob:
        """Return one of the offered jobs."""
        return OfferedJob(
            description=description,
            project=self.project,
            application=self.application,
            server=self.server,
            master_server=self.sign_up.master_server or self.project.master_server,
            resource=self.resource,
            max_field_size=self.sign_up.max_field_size,
            job_certificates=self.sign_up.job_certificates,
        )


def prepare(
    reservation: Reservation,
    configuration: Configuration,
    *,
    run: RunDirectory,
    scripts: Scripts,
    is_known: bool = False,
) -> LocalJob | None:
    """Store an offered job; return None when that fails or its limits script rejects it.

    The rejection of a job that ``is_known`` as rejected is logged at level DEBUG.
    """
    offer = reservation.offer
    try:
        record = record_of(reservation, configuration, secrets.token_hex(16).upper(), run)
        if offer.job_certificates:
            record = jobs_credentials.with_key(record, run)
        read = script_copies.originals(offer.application.scripts)
        record = replace(record, uses_library=library.uses_library(read))
        run.create(record, read)
    except (OSError, ValueError) as error:
        log.critical("job %s cannot be stored: %s", offer.description.job_id, error)
        return None
    job = LocalJob(record, run, scripts)
    if not passes_limits_script(job, logging.DEBUG if is_known else logging.INFO):
        job.remove()
        return None
    return job


def claim(job: LocalJob, resource: str, calls: ResourceCalls, certificate_fingerprint: str) -> bool:
    """Tell the server that a prepared job runs here; return whether to keep it.

    ``certificate_fingerprint`` is that of the certificate the calls are made with. When the answer is lost
    TransportError is raised, so that the server is left alone for a while; the job is kept, but not run
    until the server has confirmed the claim.
    """
    record = job.record
    try:
        answer = calls.update(
            record.job_id,
            state=str(State.RUNNING),
            target_resources=resource,
            job_specifics=record.job_specifics,
        )
    except ServerError as error:
        log.warning("%s: the server rejected the claim: %s", job.title, error)
        job.remove()
        return False
    except TransportError as error:
        log.warning("%s: claim unconfirmed, will ask the server again: %s", job.title, error.reason)
        raise
    if claimed_by(record, answer):
        job.apply_server_state(
            answer,
            phase=Phase.ACCEPTED,
            state_time_stamp=answer.state_time_stamp,
            input=answer.input,
            repository_files=_repository_files(job, answer, calls),
        )
        jobs_credentials.renew(job, calls, certificate_fingerprint)
        log.info("%s: accepted from %s for %s", job.title, record.server, ", ".join(record.owners))
    else:
        log.warning("%s: claim unconfirmed, will ask the server again: no reference in the answer", job.title)
    return True


def _repository_files(job: LocalJob, answer: job_description.JobDescription, calls: ResourceCalls) -> int:
    """Return the number of files in the repository of a job of the library; -1 when it is not known."""
    url = job_repository.url_of(answer.job_specifics)
    if not job.record.uses_library or (url and not job_repository.is_at(job.record.server, url)):
        return -1
    try:
        return calls.repository_file_count(url) if url else 0
    except (RepositoryError, TransportError) as error:
        # The prologue starts LGI_stage, which lists it again.
        log.debug("%s: cannot list its repository: %s", job.title, error)
        return -1


def record_of(
    reservation: Reservation, configuration: Configuration, reference: str, run: RunDirectory
) -> JobRecord:
    """Return a new record; its reference replaces that of an earlier daemon in the job's specifics."""
    offer = reservation.offer
    job, credentials = offer.description, configuration.credentials
    return JobRecord(
        reference=reference,
        project=offer.project.name,
        application=offer.application.name,
        server=offer.server,
        master_server=offer.master_server,
        job_id=job.job_id,
        owners=job.owners,
        read_access=job.read_access,
        write_access=job.write_access,
        key_file=str(credentials.key),
        certificate_file=str(credentials.certificate),
        ca_file=str(credentials.ca),
        # A field of the limit itself is rejected.
        max_output_size=min(offer.max_field_size - 1, offer.application.max_output_size),
        uid=reservation.uid,
        gpus=reservation.gpus,
        limits=offer.application.limits,
        bounds=offer.application.bounds,
        shared_directories=offer.application.shared_directories,
        target_resources=job.target_resources,
        job_specifics=with_reference(reference, job.job_specifics),
        state=str(State.QUEUED),
        state_time_stamp=job.state_time_stamp,
        has_state_directory=True,
        own_uid=run.sandboxed and not offer.application.sandbox_uid,
    )
