"""The executor: Snakemake gives it jobs; it submits them, follows all with one call, and cancels them."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence

from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface
from snakemake_interface_executor_plugins.settings import SharedFSUsage

from lgi_tools import Job, JobRequest
from lgi_tools.client.job_end import Outcome
from snakemake_executor_plugin_lgi import connection, job_arguments, labels
from snakemake_executor_plugin_lgi.active_jobs import ActiveJobs
from snakemake_executor_plugin_lgi.earlier_jobs import EarlierJobs
from snakemake_executor_plugin_lgi.failure import failure_of
from snakemake_executor_plugin_lgi.job_command import JobCommand
from snakemake_executor_plugin_lgi.job_identity import JobIdentity
from snakemake_executor_plugin_lgi.new_job import NewJob

# Seconds between two status calls: few when a job has just ended, then more, up to those of the user.
_SHORTEST, _GROWTH = 1.0, 1.5


class Executor(RemoteExecutor):
    """Runs the jobs of a workflow on the resources of an LGI project."""

    def __post_init__(self) -> None:
        """Open the project and find the jobs of an earlier run. Raises WorkflowError."""
        self._options = self.workflow.executor_settings
        self._is_shared = SharedFSUsage.INPUT_OUTPUT in self.workflow.storage_settings.shared_fs_usage
        self._key = labels.workflow_key()
        self._project = connection.opened(self._options)
        self._earlier = connection.answer_of(lambda: EarlierJobs(self._project, self._key))
        self._identity = JobIdentity(self.workflow)
        self._active = ActiveJobs(self._project, self.logger.warning)
        self._longest = float(self.workflow.remote_execution_settings.seconds_between_status_checks)
        self.next_seconds_between_status_checks = min(_SHORTEST, self._longest)

    def run_job(self, job: JobExecutorInterface) -> None:
        """Submit one job."""
        self._submit([job])

    def run_jobs(self, jobs: list[JobExecutorInterface]) -> None:
        """Submit jobs in few calls."""
        for job in jobs:
            self.run_job_pre(job)
        self._submit(jobs)

    def _submit(self, jobs: Iterable[JobExecutorInterface]) -> None:
        made = [NewJob(job, self._command(job), self._noted(job)) for job in jobs]
        found = connection.persistent(lambda: self._earlier.taken_over(made), self.logger.warning)
        for one in made:
            if job_id := found.get(one.command.digest):
                self.logger.info(f"LGI job {job_id} of an earlier run is taken over.")
                self._follow(one, job_id)
        if new := [one for one in made if one.command.digest not in found]:
            self._submit_new(new)

    def _submit_new(self, new: Sequence[NewJob]) -> None:
        rivals = connection.persistent(lambda: self._earlier.cancelled(new), self.logger.warning)
        requests = {}
        for one in new:
            try:
                requests[one] = self._request(one, rivals.get(one.output, ()))
            except (WorkflowError, OSError) as error:
                self._fail(one, f"The job cannot be submitted to LGI: {error}. ")
        if not requests:
            return
        outcomes = connection.persistent(
            lambda: self._project.submit_many(requests.values()), self.logger.warning
        )
        for one, outcome in zip(requests, outcomes, strict=True):
            if outcome.error:
                self._fail(one, f"LGI refuses the job: {outcome.error}. ")
            else:
                self._follow(one, outcome.job_id)

    def _request(self, one: NewJob, after: Sequence[int]) -> JobRequest:
        return one.request(self._key, self._options, self.envvars(), is_shared=self._is_shared, after=after)

    def _fail(self, one: NewJob, text: str) -> None:
        self.report_job_error(SubmittedJobInfo(one.job), msg=text)

    def _command(self, job: JobExecutorInterface) -> JobCommand:
        identity = self._identity.of(job, self.get_job_args(job))
        return JobCommand(self.format_job_exec(job), job.name, identity)

    def _noted(self, job: JobExecutorInterface) -> Sequence[str]:
        """Return the ids that Snakemake has noted for output which it does not know to be complete."""
        return () if job.is_group() else tuple(map(str, self.workflow.persistence.external_jobids(job)))

    def _follow(self, one: NewJob, job_id: int) -> None:
        self._active.add(job_id, one.command)
        where = f"; its output goes to {one.command.log}" if self._is_shared else ""
        self.logger.info(f"Job {one.job.jobid} is LGI job {job_id}{where}.")
        self.report_job_submission(SubmittedJobInfo(one.job, external_jobid=str(job_id)))

    def get_job_args(self, job: JobExecutorInterface, **more: object) -> str:
        """Return the arguments of a job as words of a shell."""
        return job_arguments.of(
            job,
            cores=str(more.get("cores", self.cores)),
            unneeded=self.workflow.dag.get_unneeded_temp_files(job),
            waits=job.get_wait_for_files() if self._is_shared else (),
        )

    async def check_active_jobs(self, active_jobs: list[SubmittedJobInfo]) -> AsyncIterator[SubmittedJobInfo]:
        """Report the jobs that have ended, and yield the others."""
        numbers = [int(info.external_jobid or 0) for info in active_jobs]
        ended: dict[int, Job | None] = {}
        if numbers:
            async with self.status_rate_limiter:
                ended = await asyncio.to_thread(self._active.look, numbers)
        for number, info in zip(numbers, active_jobs, strict=True):
            if number in ended:
                await asyncio.to_thread(self._report, info, number, ended[number])
            else:
                yield info
        pause = _SHORTEST if ended else self.next_seconds_between_status_checks * _GROWTH
        self.next_seconds_between_status_checks = min(pause, self._longest)

    def _report(self, info: SubmittedJobInfo, number: int, job: Job | None) -> None:
        command = self._active.remove(number)
        if job is None:
            self.report_job_error(info, msg=f"LGI job {number} does not exist any more: it was deleted. ")
        elif job.end.outcome is Outcome.SUCCEEDED:
            self.report_job_success(info)
        else:
            log = command.log if self._is_shared else ""
            self.report_job_error(info, msg=failure_of(self._project, job, log))

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """Cancel all jobs of this run: Snakemake's list is empty while their states are asked for."""
        self._active.cancel()

    def shutdown(self) -> None:
        """End the status calls and close the connections."""
        super().shutdown()
        self._project.close()
