"""What the change of a job means for others: its user, the jobs that follow it, and those of its array."""

from collections.abc import Iterable

from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import array_limits, dependencies
from lgi_server.services.notifications import events
from lgi_server.tables.job_queue.jobs import JobRow


def settle(transaction: Transaction, changed: Iterable[JobRow], now: int) -> None:
    """Settle what waits for those of these jobs that have ended or are deleted; nothing is read for others.

    Users are told of these ends, and of jobs that have started, when they have asked for it. This transaction
    has locked their rows. The scheduler settles what would take too long.
    """
    jobs = list(changed)
    events.record(transaction, jobs, now)
    settled = dependencies.settle(transaction, jobs, now)
    array_limits.settle(transaction, [*jobs, *settled.values()])
