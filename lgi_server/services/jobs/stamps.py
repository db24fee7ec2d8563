"""The time stamps of jobs' states."""

from lgi_server.tables.job_queue.jobs import JobRow


def next_stamp(job: JobRow, now: int) -> int:
    """Return the state_time_stamp of a change at ``now``, in seconds: it is later than the one before."""
    return max(now, job.state_time_stamp + 1)
