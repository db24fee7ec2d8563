"""LGIJobExecutor: jobs of PSI/J as jobs of a project."""

from psij import (
    InvalidJobException,
    Job,
    JobExecutor,
    JobExecutorConfig,
    JobState,
    JobStatus,
    SubmitException,
)

from lgi_psij.configuration import LGIExecutorConfig
from lgi_psij.job_request import job_request
from lgi_psij.job_watch import JobWatch
from lgi_tools import ErrorNumber, Project, ServerError, TransportError


class LGIJobExecutor(JobExecutor):
    """The executor ``lgi`` of PSI/J. The native id of a job is its number.

    ``url`` is that of the project server, by default that of ``~/.LGI``.
    """

    def __init__(self, url: str | None = None, config: JobExecutorConfig | None = None) -> None:
        """Connect. Raises ValueError without a project."""
        chosen = config if isinstance(config, LGIExecutorConfig) else LGIExecutorConfig()
        super().__init__(url=url, config=chosen)
        self._application = chosen.application
        self.project = chosen.project or Project(url or "")
        """The project of lgi_tools, for the files and the output of jobs."""
        self._watch = JobWatch(
            self.project, self._set_job_status, chosen.polling_interval, chosen.outage_limit
        )

    def submit(self, job: Job) -> None:
        """Queue a job. After a SubmitException the same job may be submitted again, and stays one."""
        self._check_job(job)
        try:
            request = job_request(job, self._application)
            made = self.project.submit_request(request)
        except InvalidJobException:
            job.executor = None
            raise
        except (ValueError, OSError) as error:
            job.executor = None
            raise InvalidJobException(f"the job cannot be sent: {error}", error) from error
        except (ServerError, TransportError) as error:
            job.executor = None
            is_transient = isinstance(error, TransportError) or error.back_off
            raise SubmitException(f"no job was made: {error}", error, is_transient) from error
        self._begin(job, made.id)

    def cancel(self, job: Job) -> None:
        """Delete a queued job, abort a running one. Raises SubmitException when the server does not do so."""
        if job.native_id is None:
            raise SubmitException("the job has not been submitted: it cannot be cancelled")
        if job.status.final:
            return
        number, is_deleted = int(job.native_id), False
        # Meanwhile nobody else is to find that it was deleted.
        self._watch.discard(number)
        try:
            # One that has ended would be removed with its results.
            is_deleted = not self.project.job(number).ended and self.project.delete(number)
        except ServerError as error:
            if error.number != ErrorNumber.NO_JOB:
                raise SubmitException(f"job {number} was not cancelled: {error}", error) from error
            is_deleted = True
        except TransportError as error:
            raise SubmitException(f"job {number} was not cancelled: {error}", error, True) from error
        finally:
            if not is_deleted:
                self._watch.add(number, job)
        if is_deleted:
            self._set_job_status(job, JobStatus(JobState.CANCELED, message=f"job {number} was deleted"))

    def attach(self, job: Job, native_id: str) -> None:
        """Follow an LGI job, also one that has ended. Raises InvalidJobException when there is none."""
        if job.status.state != JobState.NEW:
            raise InvalidJobException("Job must be in the NEW state")
        if not (native_id.isascii() and native_id.isdigit() and len(native_id) < 10):
            raise InvalidJobException(f"{native_id[:40]!r} is not the number of a job")
        try:
            self.project.job(native_id)
        except ServerError as error:
            raise InvalidJobException(f"job {native_id} cannot be followed: {error}", error) from error
        except TransportError as error:
            raise SubmitException(f"job {native_id} cannot be followed: {error}", error, True) from error
        job.executor = self
        self._begin(job, int(native_id))

    def list(self) -> list[str]:
        """Return the numbers of all jobs of the user that are on the server."""
        return [str(job.id) for job in self.project.jobs(owner=self.project.user)]

    def _begin(self, job: Job, number: int) -> None:
        job._native_id = number
        self._set_job_status(job, JobStatus(JobState.QUEUED, metadata={"nativeId": number}))
        self._watch.add(number, job)
