"""A job's life in the server's log, one line a step, written once the step has lasted.

Names come from certificates and forms; they are shown as Python would, so that none can forge a line.
"""

import logging
from collections.abc import Sequence

from lgi_protocol import comma_lists
from lgi_server.tables.job_queue.jobs import JobRow

log = logging.getLogger("lgi.jobs")


def log_submitted(job: JobRow) -> None:
    """Log a new job."""
    owners, targets = comma_lists.join(job.owners), comma_lists.join(job.target_resources)
    log.info("job %d is %a: %s for %a, by %a", job.job_id, job.state, job.application, targets, owners)


def followed(job: JobRow, parent: JobRow) -> None:
    """Log a new job that another one has submitted."""
    log.info("job %d was submitted by job %d", job.job_id, parent.job_id)


def log_offered(jobs: Sequence[JobRow], resource: str) -> None:
    """Jobs locked for a resource that looks for work."""
    log.info("offered to %a: jobs %s", resource, " ".join(str(job.job_id) for job in jobs))


def log_updated(old: JobRow, new: JobRow, resource: str) -> None:
    """Log a change by the resource that has the job locked."""
    told = f" ({new.end.cause})" if new.ended and new.end.cause else ""
    log.info("job %d %a -> %a%s, by resource %a", old.job_id, old.state, new.state, told, resource)


def log_deleted(job: JobRow, state: str, user: str) -> None:
    """Log that a user has deleted a job or wants it aborted."""
    log.info("job %d %a -> %a, by user %a", job.job_id, job.state, state, user)


def log_lost(old: JobRow, new: JobRow, why: str) -> None:
    """Log a change by the scheduler of a job without a daemon."""
    log.info("job %d %a -> %a, by the scheduler: %s", old.job_id, old.state, new.state, why)
