"""Heartbeats: the column daemon_pulse, the time at which a daemon last asked for the state of its job."""

from collections.abc import Sequence

from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables.job_queue.jobs import WHOLE, JobRow, job_in

# The states of jobs without a daemon; jobs in any other state run or are being aborted.
NO_DAEMON = "'queued', 'finished', 'aborted'"


def store(transaction: Transaction, job_ids: Sequence[int], now: int) -> None:
    """Set the last heartbeat of jobs to ``now``, in seconds."""
    transaction.execute_pipelined(
        f"UPDATE job_queue SET daemon_pulse = %s WHERE job_id IN ({placeholders(job_ids)})", now, *job_ids
    )


def older(transaction: Transaction, application: str, oldest: int) -> list[int]:
    """Return the unlocked jobs that run, or are being aborted, with a last heartbeat before ``oldest``."""
    rows = transaction.rows(
        "SELECT job_id FROM job_queue WHERE application = %s"
        f" AND state NOT IN ({NO_DAEMON}) AND lock_state = 0 AND daemon_pulse < %s",
        application,
        oldest,
    )
    return [row["job_id"] for row in rows]


def later(transaction: Transaction, application: str, latest: int) -> list[int]:
    """Return the jobs that run, or are being aborted, with a heartbeat after ``latest``, by a wrong clock."""
    rows = transaction.rows(
        "SELECT job_id FROM job_queue WHERE application = %s"
        f" AND state NOT IN ({NO_DAEMON}) AND daemon_pulse > %s",
        application,
        latest,
    )
    return [row["job_id"] for row in rows]


def lock_if_older(transaction: Transaction, job_id: int, oldest: int) -> JobRow | None:
    """Return a job and lock its row until the transaction ends; None unless `older` would still return it."""
    row = transaction.row(
        f"SELECT {WHOLE} FROM job_queue WHERE job_id = %s AND state NOT IN ({NO_DAEMON})"
        " AND lock_state = 0 AND daemon_pulse < %s"
        " AND NOT EXISTS (SELECT 1 FROM running_locks AS held WHERE held.job_id = job_queue.job_id)"
        f"{transaction.for_update}",
        job_id,
        oldest,
    )
    return job_in(row) if row else None
