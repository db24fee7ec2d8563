"""The limits of a project: how many jobs resources may have at once, and how many may be queued."""

from collections.abc import Sequence

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.transaction import Transaction
from lgi_server.tables.job_queue import active_jobs

# More jobs than any call takes, where there is no limit.
UNLIMITED = 2**31


def free_places(transaction: Transaction, most: int) -> int:
    """Return how many more jobs resources may get, ``most`` being the limit, 0 for none.

    With a limit no other transaction gets the same answer until this one ends. It is below 0 after the limit
    was lowered, or when daemons took back jobs that had run all the time.
    """
    return most - active_jobs.count_running_alone(transaction) if most else UNLIMITED


def is_full(transaction: Transaction, most: int) -> bool:
    """Return whether resources have as many jobs as the limit allows, without a mutex."""
    return bool(most) and active_jobs.count_running(transaction) >= most


def check_place(transaction: Transaction, most: int) -> None:
    """Raise LGIError CANNOT_LOCK when resources have as many jobs as the limit allows."""
    if free_places(transaction, most) <= 0:
        why = f"The project runs {most} jobs at once, which is its limit"
        raise LGIError(ErrorNumber.CANNOT_LOCK, f"max_running_jobs = {most}", message=why)


def check_queue(transaction: Transaction, new: Sequence[object], most: int) -> None:
    """Raise LGIError SUBMIT_REFUSED when the queue has no room for new jobs."""
    if not (most and new):
        return
    queued = active_jobs.count_queued_alone(transaction)
    if queued + len(new) > most:
        why = f"the project has {queued} queued jobs, which is its limit: submit again when some have started"
        if queued < most:
            why = f"the project has {queued} queued jobs, {most} may be, and these are {len(new)} more"
        raise LGIError(ErrorNumber.SUBMIT_REFUSED, why)
