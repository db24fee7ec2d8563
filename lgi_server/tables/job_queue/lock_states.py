"""The column lock_state: whether a job is locked, held, or free."""

from collections.abc import Sequence

from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables.job_queue.jobs import FREE, HELD, LOCKED

# The lock_state of a job that nobody has locked, as SQL.
UNLOCKED = (
    "CASE WHEN state = 'queued'"
    " AND EXISTS (SELECT 1 FROM job_holds WHERE job_holds.job_id = job_queue.job_id)"
    f" THEN {HELD} ELSE {FREE} END"
)


def mark_locked(transaction: Transaction, job_ids: Sequence[int]) -> None:
    """Mark jobs as locked; the caller inserts into running_locks too."""
    if job_ids:
        transaction.execute_pipelined(
            f"UPDATE job_queue SET lock_state = %s WHERE job_id IN ({placeholders(job_ids)})",
            LOCKED,
            *job_ids,
        )


def mark_unlocked(transaction: Transaction, job_ids: Sequence[int]) -> None:
    """Mark jobs that nobody has locked as held, if they are queued and have holds, or as free."""
    if job_ids:
        transaction.execute_pipelined(
            f"UPDATE job_queue SET lock_state = {UNLOCKED} WHERE job_id IN ({placeholders(job_ids)})",
            *job_ids,
        )


def orphaned_lock_states(transaction: Transaction, application: str, state: str) -> list[int]:
    """Return the jobs of an application and state with a lock_state above 0 but neither a lock nor a hold."""
    rows = transaction.rows(
        "SELECT job_id FROM job_queue AS job WHERE application = %s AND state = %s AND lock_state > 0"
        " AND NOT EXISTS (SELECT 1 FROM running_locks AS held WHERE held.job_id = job.job_id)"
        f" AND NOT (lock_state = {HELD} AND state = 'queued'"
        " AND EXISTS (SELECT 1 FROM job_holds WHERE job_holds.job_id = job.job_id))",
        application,
        state,
    )
    return [row["job_id"] for row in rows]
