"""Takes one offered job: on disk, past its own limits script, and only then claimed at the server."""

import logging
import secrets
from dataclasses import dataclass, replace

from lgi_daemon.config.model import ApplicationSettings, Configuration, ProjectSettings
from lgi_daemon.execution.scripts import NoAnswerError, Scripts
from lgi_daemon.jobs import credentials as jobs_credentials
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.rundir.record import JobRecord, Phase, claimed_by
from lgi_daemon.rundir.run_directory import RunDirectory
from lgi_protocol import resource_api, xml
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.resource_api import ResourceCalls
from lgi_protocol.states import State

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OfferedJob:
    """A job a server offers, and where it comes from."""

    told: resource_api.JobDescription
    project: ProjectSettings
    application: ApplicationSettings
    server: str
    master_server: str
    resource: str
    max_field_size: int
    job_certificates: bool = False


def prepare(
    offer: OfferedJob,
    uid: int,
    configuration: Configuration,
    run: RunDirectory,
    scripts: Scripts,
    is_news: bool = True,
) -> LocalJob | None:
    """The offered job on disk, or nothing when it cannot be stored or its limits script refuses it.

    A refusal that ``is_news`` is told of in the log.
    """
    try:
        record = _record(offer, configuration, uid)
        record = replace(record, own_uid=run.sandboxed and not offer.application.sandbox_uid)
        if offer.job_certificates:
            record = jobs_credentials.keyed(record, run)
        read = {name: path.read_bytes() for name, path in offer.application.scripts.items()}
        run.create(record, read)
    except (OSError, ValueError) as error:
        log.critical("job %s cannot be stored: %s", offer.told.job_id, error)
        return None
    job = LocalJob(record, run, scripts)
    if not _is_welcome(job, logging.INFO if is_news else logging.DEBUG):
        job.remove()
        return None
    return job


def _is_welcome(job: LocalJob, level: int) -> bool:
    """What its limits script says; whatever goes wrong on the way is a no, so that nothing is left behind."""
    try:
        if job.says("job_check_limits_script"):
            return True
        log.log(level, "%s: refused by job_check_limits_script", job.title)
    except (NoAnswerError, OSError, ValueError) as error:
        log.warning("%s: refused: %s", job.title, error)
    return False


def claim(job: LocalJob, resource: str, calls: ResourceCalls, shown: str) -> bool:
    """Tell the server that a prepared job runs here; whether it is to be looked after.

    ``shown`` tells the certificate that the calls are made with.
    When the answer is lost it is, but it is not run until the server has said whose it is. Raises
    TransportError then, so that the server is left alone for a while; the job has stayed.
    """
    record = job.record
    try:
        told = calls.update(
            record.job_id,
            state=str(State.RUNNING),
            target_resources=resource,
            job_specifics=record.job_specifics,
        )
    except ServerError as error:
        log.warning("%s: the server refuses to give it: %s", job.title, error)
        job.remove()
        return False
    except TransportError as error:
        log.warning("%s: whether it is ours is not known yet: %s", job.title, error.reason)
        raise
    if claimed_by(record, told):
        job.note_server(told, phase=Phase.ACCEPTED, state_time_stamp=told.state_time_stamp, input=told.input)
        jobs_credentials.renew(job, calls, shown)
        log.info("%s: accepted from %s for %s", job.title, record.server, ", ".join(record.owners))
    else:
        log.warning("%s: whether it is ours is not known yet: the answer does not say so", job.title)
    return True


def _record(offer: OfferedJob, configuration: Configuration, uid: int) -> JobRecord:
    """A fresh record, its reference in front of the job's specifics in place of an earlier daemon's."""
    told, credentials = offer.told, configuration.credentials
    reference = secrets.token_hex(16).upper()
    specifics = f"<daemon_reference> {reference} </daemon_reference> {without_reference(told.job_specifics)}"
    return JobRecord(
        reference=reference,
        project=offer.project.name,
        application=offer.application.name,
        server=offer.server,
        master_server=offer.master_server,
        job_id=told.job_id,
        owners=told.owners,
        read_access=told.read_access,
        write_access=told.write_access,
        key_file=str(credentials.key),
        certificate_file=str(credentials.certificate),
        ca_file=str(credentials.ca),
        # A field as long as the limit is refused already.
        max_output_size=min(offer.max_field_size - 1, offer.application.max_output_size),
        uid=uid,
        limits=offer.application.limits,
        target_resources=told.target_resources,
        job_specifics=specifics.strip(),
        state=str(State.QUEUED),
        state_time_stamp=told.state_time_stamp,
        has_state_directory=True,
    )


def without_reference(specifics: str) -> str:
    """Job specifics without the references of earlier acceptances, which would let them grow for ever."""
    kept, at = "", 0
    for found in xml.elements(specifics):
        if found.name == "daemon_reference":
            kept, at = kept + specifics[at : found.begin], found.end
    return (kept + specifics[at:]).strip()
