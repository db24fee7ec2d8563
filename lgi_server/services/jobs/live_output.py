"""Live output: what a running job has written so far, sent and stored only while a user watches it.

The first request of a user is stored, and `resource_wait` reports it to the resource that has the job. Its
daemon sends new output until an answer says that no user watches the job any more. The last bytes are kept
for a while.
"""

from dataclasses import dataclass, replace

from lgi_protocol import comma_lists, states
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.transaction import Transaction
from lgi_server.services.access import job_holder
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.tables import job_tails
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_tails import TailRow

# Bytes of each job.
KEPT = 64 * 1024
# Seconds after the last request of a user until a job counts as unwatched, and until its output is deleted.
INTEREST, MEMORY = 30, 600


@dataclass(frozen=True)
class OutputView:
    """Output of a job from byte ``offset`` on; earlier bytes were not requested or are not kept any more.

    ``is_reported``: the daemon has sent output; old daemons never do. ``complete``: the job writes no more.
    ``progress`` changes with each change of the output.
    """

    job: JobRow
    offset: int
    data: bytes
    is_reported: bool
    complete: bool
    progress: int

    @property
    def is_over(self) -> bool:
        """Whether no more output can come."""
        return self.complete or (states.has_ended(self.job.state) and not self.is_reported)


def view(transaction: Transaction, user: UserPrincipal, job_id: int, offset: int) -> OutputView:
    """Return the output of a job, locked or not, from byte ``offset`` or the first kept byte on.

    The caller stores that the job is watched (`Timestamp.JOB_WATCH`). Raises LGIError NO_JOB or READ_REFUSED.
    """
    job = jobs.find_summary(transaction, job_id)
    if job is None:
        raise LGIError(ErrorNumber.NO_JOB, f"job {job_id}")
    if not comma_lists.contains_any(job.read_access, user.names):
        raise LGIError(ErrorNumber.READ_REFUSED, f"job {job_id}")
    tail = job_tails.find(transaction, job_id) or TailRow()
    begin = min(max(offset, tail.begin), tail.length)
    return OutputView(
        job=job,
        offset=begin,
        data=tail.data[begin - tail.begin :],
        is_reported=bool(tail.reported),
        complete=tail.complete,
        progress=job_tails.number(tail.reported, tail.length, tail.complete),
    )


@dataclass(frozen=True)
class OutputChunk:
    """Output that a daemon sends: ``data`` from byte ``offset`` on; ``complete``: the job writes no more."""

    job_id: int
    reference: str
    offset: int
    data: bytes
    complete: bool


def append(transaction: Transaction, resource: ResourceRow, chunk: OutputChunk, now: int) -> bool:
    """Store output that a daemon has sent, and return whether a user still watches the job.

    A chunk that does not follow the stored output replaces it: the daemon has skipped some. Raises LGIError
    NO_JOB, NOT_VISIBLE or NOT_YOUR_LOCK.
    """
    job = jobs.find_summary(transaction, chunk.job_id)
    if job is None:
        raise LGIError(ErrorNumber.NO_JOB, f"job {chunk.job_id}")
    if resource.resource_name not in job.target_resources:
        raise LGIError(ErrorNumber.NOT_VISIBLE, f"job {chunk.job_id}")
    if not job_holder.is_held(job, chunk.reference):
        raise LGIError(ErrorNumber.NOT_YOUR_LOCK, f"another daemon has job {chunk.job_id}")
    known = job_tails.find(transaction, chunk.job_id, hold=True)
    if known is None:
        return False
    kept = known.data if chunk.offset == known.length else b""
    new = replace(
        known,
        reported=known.reported or now,
        length=chunk.offset + len(chunk.data),
        complete=chunk.complete,
        data=(kept + chunk.data)[-KEPT:],
    )
    if new != known:
        job_tails.store(transaction, chunk.job_id, new)
    return known.asked > now - INTEREST


def mark_watched(transaction: Transaction, job_ids: list[int], now: int) -> None:
    """Store that users watch these jobs, and delete output that no user has requested for MEMORY seconds."""
    job_tails.forget(transaction, now - MEMORY)
    job_tails.ask(transaction, job_ids, now)
