"""The status that PSI/J sees of an LGI job."""

from psij import JobState, JobStatus

from lgi_tools import Job, State


def status_of(job: Job) -> JobStatus:
    """Return the status of a job; one that is being aborted still runs. Only exit code 0 is COMPLETED."""
    if not job.ended:
        state = JobState.QUEUED if job.state == State.QUEUED else JobState.ACTIVE
        return JobStatus(state, message=f"job {job.id} is held" if job.holds else None)
    when = job.ended_at.timestamp() if job.ended_at else None
    state = JobState.COMPLETED if job.exit_code == 0 else JobState.FAILED
    if job.state == State.ABORTED:
        state = JobState.CANCELED
    return JobStatus(state, time=when, message=f"job {job.id}: {job.end.text}", exit_code=job.exit_code)
