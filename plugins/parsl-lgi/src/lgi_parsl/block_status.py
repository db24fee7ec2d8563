"""The status that Parsl sees of a job."""

from parsl.jobs.states import JobState, JobStatus

from lgi_tools import Job, State

# Any other word is a site's own for a running job.
_STATES: dict[str, JobState] = {
    State.QUEUED: JobState.PENDING,
    State.ABORTING: JobState.CANCELLED,
    State.ABORTED: JobState.CANCELLED,
}
# How the resource reports a job that has exceeded its run time.
_TIME_LIMIT = "time limit of"


def block_status(job: Job) -> JobStatus:
    """Return the status of a job, with its end or its holds as message."""
    if job.state == State.FINISHED:
        return JobStatus(_end(job), f"job {job.id}: {job.end.text}", exit_code=job.exit_code)
    if job.holds:
        return JobStatus(JobState.HELD, f"job {job.id} is held: {', '.join(one.reason for one in job.holds)}")
    message = f"job {job.id}: {job.end.text}" if job.ended else None
    return JobStatus(_STATES.get(job.state, JobState.RUNNING), message)


def _end(job: Job) -> JobState:
    if job.end_reason.startswith(_TIME_LIMIT):
        return JobState.TIMEOUT
    return JobState.COMPLETED if job.exit_code == 0 else JobState.FAILED
