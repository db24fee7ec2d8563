"""Admission of requests of running jobs, within limits that leave slots for daemons and users."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.auth.job_certificate import JobCertificate
from lgi_server.background.concurrency_limiter import JOB_SLOTS, ConcurrencyLimiter
from lgi_server.runtime import Runtime
from lgi_server.services.access import job_principals
from lgi_server.tables.job_queue.jobs import JobRow


@contextmanager
def admit_job(
    runtime: Runtime, who: JobCertificate, limiter: ConcurrencyLimiter, account: str = ""
) -> Iterator[str]:
    """Hold a slot of a limiter for a running job while a block runs, and provide the job's account.

    A job has at most JOB_SLOTS, and the jobs of a user together a share of the half that all jobs may have.
    Raises LGIError BACK_OFF when no slot is free, CERTIFICATE for a job that has ended.
    """
    with limiter.slot(who.account, JOB_SLOTS):
        account = account or job_principals.account(_running_job(runtime, who))
        with runtime.job_limiter.slot(account):
            yield account


def _running_job(runtime: Runtime, who: JobCertificate) -> JobRow:
    """Return the calling job; LGIError CERTIFICATE for one that has ended."""
    project = runtime.projects.get(who.job.project)
    if project is None:
        raise LGIError(ErrorNumber.CERTIFICATE, "a job may not do that")
    work = partial(job_principals.authenticate_job, who=who, trust=runtime.trust, now=time.time())
    return project.database.run(work, write=False).job
