"""Accepts jobs that an exchange has brought: a record on disk for each, before anything of it runs."""

import logging
from contextlib import ExitStack
from dataclasses import replace
from threading import Lock

from lgi_daemon.claiming.claim import OfferedJob, Reservation, record_of
from lgi_daemon.claiming.rejected_jobs import JobVersion, RejectedJobs
from lgi_daemon.claiming.reservations import CapacityExceededError, Reservations, TooLittleTimeError
from lgi_daemon.claiming.returned_jobs import ReturnedJobs
from lgi_daemon.config.model import Configuration
from lgi_daemon.execution.scripts import Scripts
from lgi_daemon.jobs import credentials, library
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.job_table import JobTable
from lgi_daemon.rundir import script_copies
from lgi_daemon.rundir.record import JobRecord, Phase
from lgi_daemon.rundir.reference_pool import StoredReference
from lgi_daemon.rundir.run_directory import RunDirectory
from lgi_protocol.exchange import GivenJob
from lgi_protocol.job_description import JobDescription, is_job_id
from lgi_protocol.sign_up import SignUp

log = logging.getLogger(__name__)

UNKNOWN_REFERENCE = "the daemon has no such reference any more"


def rejected_version(project: str, server: str, application: str, job_id: str) -> JobVersion:
    """Return as what a job that an exchange brought is remembered when it is given back."""
    return JobVersion(project, server, application, job_id, "")


class GivenJobs:
    """Accepts given jobs, for all threads that make exchanges at the same time."""

    def __init__(
        self,
        jobs: JobTable,
        run: RunDirectory,
        scripts: Scripts,
        *,
        reservations: Reservations,
        rejected_jobs: RejectedJobs,
        returned_jobs: ReturnedJobs,
    ) -> None:
        """Add accepted jobs to ``jobs``, and all others to ``returned_jobs``."""
        self._jobs = jobs
        self._run = run
        self._scripts = scripts
        self._reservations = reservations
        self._rejected_jobs = rejected_jobs
        self._returned_jobs = returned_jobs
        # The same answer may arrive twice, on two connections.
        self._guard = Lock()
        # Held while room is counted and references are chosen for it: a job takes both at once.
        self.room = Lock()

    def accept(
        self,
        given: GivenJob,
        configuration: Configuration,
        *,
        project: str,
        server: str,
        sign_up: SignUp,
        fingerprint: str,
    ) -> str:
        """Accept a job, or give it back and return why; empty also for one that is here already.

        ``fingerprint`` is that of the certificate the calls are made with.
        """
        job = given.description
        if not is_job_id(job.job_id):
            log.warning("%s gives a job with an invalid job_id: %.100r", server, job.job_id)
            return ""
        with self._guard:
            if job.daemon_reference in self._jobs:
                return ""
            offer = _offer(job, configuration, project, server, sign_up)
            reason = self._take(
                given, offer, configuration, project=project, server=server, fingerprint=fingerprint
            )
            if reason:
                # Before another answer with this job is looked at: its reference is no longer there.
                self._returned_jobs.add(project, server, job.job_id, job.daemon_reference, reason)
            return reason

    def _take(
        self,
        given: GivenJob,
        offer: OfferedJob | None,
        configuration: Configuration,
        *,
        project: str,
        server: str,
        fingerprint: str,
    ) -> str:
        """Take a job with its reference, or return why not."""
        job = given.description
        with ExitStack() as room:
            with self.room:
                stored = self._run.references.take(project, server, job.daemon_reference)
                if stored is None:
                    return UNKNOWN_REFERENCE
                if offer is None:
                    return f"the resource does not offer {job.application} any more"
                try:
                    reserved = room.enter_context(self._reservations.reserve(offer, configuration))
                except CapacityExceededError as reason:
                    if isinstance(reason, TooLittleTimeError):
                        # It will not have more: the job is left alone for longer each time.
                        version = rejected_version(project, server, job.application, job.job_id)
                        self._rejected_jobs.record(version)
                    return str(reason)
            return self._accept(reserved, given, stored, configuration=configuration, fingerprint=fingerprint)

    def _accept(
        self,
        reserved: Reservation,
        given: GivenJob,
        stored: StoredReference,
        *,
        configuration: Configuration,
        fingerprint: str,
    ) -> str:
        offer = reserved.offer
        try:
            record = record_of(reserved, configuration, stored.reference, self._run)
            record = self._with_credentials(record, given, stored, fingerprint)
            local = self._store(record, given, offer)
            log.info("%s: accepted from %s for %s", local.title, record.server, ", ".join(record.owners))
            # It is started while what else the answer has brought is stored.
            self._jobs.add(local, is_polled=True)
        except (OSError, ValueError) as error:
            log.critical("job %s cannot be stored: %s", offer.description.job_id, error)
            return "the resource cannot store it"
        self._run.references.forget(stored.reference)
        return ""

    def _with_credentials(
        self, record: JobRecord, given: GivenJob, stored: StoredReference, fingerprint: str
    ) -> JobRecord:
        if not stored.key:
            return record
        record = credentials.with_key(record, self._run, stored.key)
        if given.certificate:
            try:
                fields = credentials.certificate_fields(record, self._run, given.certificate, fingerprint)
                return replace(record, **fields)  # type: ignore[arg-type]
            except ValueError as error:
                log.warning(
                    "%s: its certificate cannot be used, another is requested: %s", record.title, error
                )
        return record

    def _store(self, record: JobRecord, given: GivenJob, offer: OfferedJob) -> LocalJob:
        job = given.description
        scripts = script_copies.originals(offer.application.scripts)
        record = replace(
            record,
            phase=Phase.ACCEPTED,
            job_specifics=job.job_specifics,
            state=job.state,
            input=job.input,
            uses_library=library.uses_library(scripts),
            repository_files=given.repository_files,
            limits_checked=False,
        )
        self._run.create(record, scripts)
        local = LocalJob(record, self._run, self._scripts)
        local.is_new, local.told_reason = True, ""
        version = rejected_version(record.project, record.server, record.application, record.job_id)
        local.was_rejected = self._rejected_jobs.is_known(version)
        return local


def _offer(
    job: JobDescription, configuration: Configuration, project: str, server: str, sign_up: SignUp
) -> OfferedJob | None:
    """Return a given job with the settings that apply to it; None when they are gone."""
    for settings in configuration.projects:
        for application in settings.applications:
            if (settings.name, application.name) == (project, job.application):
                return OfferedJob(
                    description=job,
                    project=settings,
                    application=application,
                    server=server,
                    master_server=sign_up.master_server or settings.master_server,
                    resource=sign_up.resource,
                    max_field_size=sign_up.max_field_size,
                )
    return None
