"""What the end of a job, or its removal, means for others: those that follow it, and those of its array."""

from collections.abc import Iterable

from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import array_limits, dependencies
from lgi_server.tables.job_queue.jobs import JobRow


def settle(transaction: Transaction, changed: Iterable[JobRow], now: int) -> None:
    """Settle what waits for those of these jobs that have ended or are deleted; nothing is read for others.

    This transaction has locked their rows. The scheduler settles what would take too long.
    """
    jobs = list(changed)
    settled = dependencies.settle(transaction, jobs, now)
    array_limits.settle(transaction, [*jobs, *settled.values()])
