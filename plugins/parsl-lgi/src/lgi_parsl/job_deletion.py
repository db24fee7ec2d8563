"""The end of jobs that Parsl does not need any more."""

from collections.abc import Iterable

from lgi_tools import ErrorNumber, Project


def end_jobs(project: Project, job_ids: Iterable[int]) -> dict[int, str]:
    """Delete queued jobs and abort running ones; return why it failed, by job. Those that have ended stay.

    Raises ServerError and TransportError when nothing was done.
    """
    numbers = list(job_ids)
    # No number would be all jobs.
    left = [job.id for job in project.jobs(numbers=numbers) if not job.ended] if numbers else []
    outcomes = project.delete_jobs(left) if left else []
    return {
        outcome.job_id: str(outcome.error or outcome.state)
        for outcome in outcomes
        if not outcome.is_done and not (outcome.error and outcome.error.number == ErrorNumber.NO_JOB)
    }
