"""Log lines about jobs: one for each change, written after its commit.

Names from certificates and forms are logged as Python literals (%a), so that they cannot forge a line.
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


def log_submitted_by_job(job: JobRow, parent: JobRow) -> None:
    """Log which job has submitted a new job."""
    log.info("job %d was submitted by job %d", job.job_id, parent.job_id)


def log_offered(jobs: Sequence[JobRow], resource: str) -> None:
    """Log jobs that were locked for a resource that asked for work."""
    log.info("offered to %a: jobs %s", resource, " ".join(str(job.job_id) for job in jobs))


def log_updated(old: JobRow, new: JobRow, resource: str) -> None:
    """Log a change by the resource that has the job locked."""
    cause = f" ({new.end.cause})" if new.ended and new.end.cause else ""
    log.info("job %d %a -> %a%s, by resource %a", old.job_id, old.state, new.state, cause, resource)


def log_given(jobs: Sequence[JobRow], resource: str) -> None:
    """Log jobs that run on a resource now, which has asked for them."""
    log.info("given to %a: jobs %s", resource, " ".join(str(job.job_id) for job in jobs))


def log_given_back(job: JobRow, resource: str, why: str) -> None:
    """Log that a resource has given back a job before anything of it ran."""
    log.info("job %d %a -> 'queued', given back by resource %a: %a", job.job_id, job.state, resource, why)


def log_deleted(job: JobRow, state: str, user: str) -> None:
    """Log that a user has deleted or aborted a job."""
    log.info("job %d %a -> %a, by user %a", job.job_id, job.state, state, user)


def log_deleted_as_old(job: JobRow) -> None:
    """Log that a job was deleted because it ended long ago."""
    log.info("job %d %a -> 'deleted', by the scheduler: it ended long ago", job.job_id, job.state)


def log_held(job: JobRow, by: str, text: str) -> None:
    """Log that a user holds a job."""
    log.info("job %d is held by %a: %a", job.job_id, by, text)


def log_released(job: JobRow, by: str) -> None:
    """Log that a user has released a job."""
    log.info("job %d is released by %a", job.job_id, by)


def log_shared(job: JobRow, by: str, text: str) -> None:
    """Log that a user has changed who has access to a job."""
    log.info("job %d: %s, by %a", job.job_id, ascii(text), by)


def log_order(job: JobRow, by: str, text: str) -> None:
    """Log that a user gives a job another priority or deadline, as ``text`` says."""
    log.info("job %d gets %s, by %a", job.job_id, text, by)


def log_attached(job_id: int, user: str) -> None:
    """Log that a user begins a session of LGI_attach."""
    log.info("job %d: LGI_attach begins, by user %a", job_id, user)


def log_attach_ended(job_id: int, user: str, seconds: int, reason: str) -> None:
    """Log that a session of LGI_attach has ended."""
    log.info("job %d: LGI_attach of user %a has ended after %d s: %a", job_id, user, seconds, reason)


def log_lost(old: JobRow, new: JobRow, why: str) -> None:
    """Log a change of a lost job by the scheduler."""
    log.info("job %d %a -> %a, by the scheduler: %s", old.job_id, old.state, new.state, why)
