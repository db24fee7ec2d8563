"""JobWatch: the thread that follows the jobs of an executor."""

import logging
import threading
import time
from collections.abc import Callable

from psij import Job, JobState, JobStatus

from lgi_psij.job_status import status_of
from lgi_tools import ErrorNumber, Project, ServerError, TransportError

logger = logging.getLogger(__name__)


class JobWatch:
    """Asks a project after jobs until they have ended, and hands each status to ``report``."""

    def __init__(
        self,
        project: Project,
        report: Callable[[Job, JobStatus], object],
        interval: float,
        outage_limit: float,
    ) -> None:
        """Start with no job, and no thread."""
        self._project, self._report = project, report
        self._interval, self._outage_limit = interval, outage_limit
        self._lock = threading.Lock()
        self._jobs: dict[int, Job] = {}
        self._thread: threading.Thread | None = None
        self._answered_at = time.monotonic()
        self._warned = ""

    def add(self, job_id: int, job: Job) -> None:
        """Follow a job from now on."""
        with self._lock:
            self._jobs[job_id] = job
            if self._thread is None:
                self._answered_at = time.monotonic()
                self._thread = threading.Thread(target=self._follow, name="LGI jobs of PSI/J", daemon=True)
                self._thread.start()

    def discard(self, job_id: int) -> None:
        """Follow a job no longer."""
        with self._lock:
            self._jobs.pop(job_id, None)

    def _follow(self) -> None:
        while True:
            with self._lock:
                jobs = dict(self._jobs)
                if not jobs:
                    self._thread = None
                    return
            try:
                self._look(jobs)
                self._answered_at, self._warned = time.monotonic(), ""
            except (ServerError, TransportError, OSError, ValueError) as error:
                self._note_outage(jobs, error)
            time.sleep(self._interval)

    def _look(self, jobs: dict[int, Job]) -> None:
        found = {job.id: status_of(job) for job in self._project.jobs(numbers=jobs)}
        for job_id, job in jobs.items():
            self._give(job_id, job, found[job_id] if job_id in found else self._missing(job_id))

    def _missing(self, job_id: int) -> JobStatus:
        """Return the status of a job that a list does not have. It may be there again already."""
        try:
            return status_of(self._project.job(job_id))
        except ServerError as error:
            if error.number != ErrorNumber.NO_JOB:
                raise
            return JobStatus(
                JobState.FAILED, message=f"job {job_id} is not on the server any more: somebody deleted it"
            )

    def _note_outage(self, jobs: dict[int, Job], error: Exception) -> None:
        silence = time.monotonic() - self._answered_at
        if silence < self._outage_limit:
            if self._warned != (text := str(error)):
                logger.warning("The jobs continue, but the server does not say how they are: %s", text)
                self._warned = text
            return
        for job_id, job in jobs.items():
            text = f"nothing is known of job {job_id} for {silence:.0f} s, and it may run: {error}"
            self._give(job_id, job, JobStatus(JobState.FAILED, message=text))

    def _give(self, job_id: int, job: Job, status: JobStatus) -> None:
        with self._lock:
            if job_id not in self._jobs:
                return
            if status.final:
                del self._jobs[job_id]
        self._report(job, status)
