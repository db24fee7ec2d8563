"""Decides about one offered job: claim it, take it over for the copy that is here, or leave it."""

import logging
from enum import Enum, auto

from lgi_daemon.claiming import claim
from lgi_daemon.claiming.claim import OfferedJob
from lgi_daemon.claiming.rejected_jobs import JobVersion, RejectedJobs
from lgi_daemon.claiming.reservations import CapacityExceededError, Reservations
from lgi_daemon.claiming.takeover import local_copy, take_over
from lgi_daemon.config.model import Configuration
from lgi_daemon.execution.scripts import Scripts
from lgi_daemon.jobs.job_table import JobTable
from lgi_daemon.rundir.run_directory import RunDirectory
from lgi_daemon.servers.connections import ServerConnections
from lgi_protocol.job_description import is_job_id
from lgi_protocol.resource_api import ResourceCalls

log = logging.getLogger(__name__)


class OfferResult(Enum):
    """What has become of an offered job."""

    CLAIMED = auto()
    TAKEN_BACK = auto()
    SKIPPED = auto()
    NO_CAPACITY = auto()


class Claimer:
    """Claims offered jobs, for all workers that fetch jobs at the same time."""

    def __init__(
        self, jobs: JobTable, run: RunDirectory, scripts: Scripts, servers: ServerConnections
    ) -> None:
        """Add claimed jobs to ``jobs``."""
        self._jobs = jobs
        self._run = run
        self._scripts = scripts
        self._servers = servers
        self.reservations = Reservations(jobs)
        self.rejected_jobs = RejectedJobs(jobs.clock)

    def consider(self, offer: OfferedJob, configuration: Configuration, calls: ResourceCalls) -> OfferResult:
        """Claim one offered job, or not. Raise TransportError when the answer is lost."""
        job_id = offer.description.job_id
        if not is_job_id(job_id):
            log.warning("%s offers a job with an invalid job_id: %.100r", offer.server, job_id)
            return OfferResult.SKIPPED
        if job := local_copy(self._jobs, offer):
            is_taken = take_over(job, offer, calls, self._jobs.clock.now)
            return OfferResult.TAKEN_BACK if is_taken else OfferResult.SKIPPED
        seconds = self.rejected_jobs.retry_in(_version(offer))
        if seconds:
            log.debug("job %s was rejected, ignoring it for %.0f s", job_id, seconds)
            return OfferResult.SKIPPED
        try:
            return self._claim(offer, configuration, calls)
        except CapacityExceededError as reason:
            log.debug("job %s is not claimed: %s", job_id, reason)
            return OfferResult.NO_CAPACITY

    def _claim(self, offer: OfferedJob, configuration: Configuration, calls: ResourceCalls) -> OfferResult:
        with self.reservations.reserve(offer, configuration) as reservation:
            version = _version(offer)
            is_known = self.rejected_jobs.is_known(version)
            job = claim.prepare(
                reservation, configuration, run=self._run, scripts=self._scripts, is_known=is_known
            )
            if job is None:
                self.rejected_jobs.record(version)
                return OfferResult.SKIPPED
            # No other worker may have the job before the server has answered the claim.
            job.lock.acquire()
            self._jobs.add(job)
        try:
            claimed = claim.claim(job, offer.resource, calls, self._servers.certificate_fingerprint)
        finally:
            job.lock.release()
        if not claimed:
            self._jobs.remove(job)
        return OfferResult.CLAIMED if claimed else OfferResult.SKIPPED


def _version(offer: OfferedJob) -> JobVersion:
    job = offer.description
    return JobVersion(
        offer.project.name, offer.server, offer.application.name, job.job_id, job.state_time_stamp
    )
