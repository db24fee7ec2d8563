"""What a running job has put out so far, for those who look: nothing is kept, or sent, while nobody does.

That somebody looks is noted, and the resource that has the job is told (`resource_wait`). Its daemon sends
what comes, until an answer says that nobody looks any more. The end of it is kept for a while.
"""

from dataclasses import dataclass, replace

from lgi_protocol import comma_lists, states
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.transaction import Transaction
from lgi_server.services.access import job_principals
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.tables import job_tails
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_tails import TailRow

# Of each job.
KEPT = 64 * 1024
# Whoever has not asked again for so many seconds looks no more; what was sent is forgotten later.
INTEREST, MEMORY = 30, 600


@dataclass(frozen=True)
class OutputView:
    """What a user sees: ``data`` begins at byte ``offset``; what came before it is not kept any more.

    ``told`` is whether the job's daemon has sent anything yet: old ones never do. ``complete``: that is all.
    """

    job: JobRow
    offset: int
    data: bytes
    told: bool
    complete: bool
    progress: int

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to wait for."""
        return self.complete or (states.has_ended(self.job.state) and not self.told)


def view(transaction: Transaction, user: UserPrincipal, job_id: int, offset: int) -> OutputView:
    """Return what a job has put out from a byte on, or from the first one that is kept.

    Raises LGIError NO_JOB or READ_REFUSED.

    A lock does not matter. That somebody looks has to be noted by the caller.
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
        told=bool(tail.told),
        complete=tail.complete,
        progress=job_tails.number(tail.told, tail.length, tail.complete),
    )


@dataclass(frozen=True)
class OutputChunk:
    """What a daemon sends of a job: ``data`` is what was put out from byte ``offset`` on."""

    job_id: int
    reference: str
    offset: int
    data: bytes
    complete: bool


def append(transaction: Transaction, resource: ResourceRow, piece: OutputChunk, now: int) -> bool:
    """Take what a daemon has sent: whether anybody still looks.

    Raises LGIError NO_JOB, NOT_VISIBLE or NOT_YOUR_LOCK.

    What does not follow what is kept takes its place: the daemon had more than it sends.
    """
    job = jobs.find_summary(transaction, piece.job_id)
    if job is None:
        raise LGIError(ErrorNumber.NO_JOB, f"job {piece.job_id}")
    if resource.resource_name not in job.target_resources:
        raise LGIError(ErrorNumber.NOT_VISIBLE, f"job {piece.job_id}")
    if not job_principals.is_held(job, piece.reference):
        raise LGIError(ErrorNumber.NOT_YOUR_LOCK, f"another daemon has job {piece.job_id}")
    known = job_tails.find(transaction, piece.job_id, hold=True)
    if known is None:
        return False
    kept = known.data if piece.offset == known.length else b""
    new = replace(
        known,
        told=known.told or now,
        length=piece.offset + len(piece.data),
        complete=piece.complete,
        data=(kept + piece.data)[-KEPT:],
    )
    if new != known:
        job_tails.store(transaction, piece.job_id, new)
    return known.asked > now - INTEREST


def mark_watched(transaction: Transaction, job_ids: list[int], now: int) -> None:
    """Note that somebody looks at these jobs, and forget what nobody has looked at for long."""
    job_tails.forget(transaction, now - MEMORY)
    job_tails.ask(transaction, job_ids, now)
