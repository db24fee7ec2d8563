"""Changes of a job: of its row in job_queue and of its rows in job_access.

MariaDB could change both with one statement, but takes twice as long for that as for two.
"""

from collections.abc import Sequence
from typing import Any

from lgi_protocol import comma_lists
from lgi_protocol.states import State
from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables import job_access
from lgi_server.tables.job_queue.jobs import JobRow

# Columns and their values.
Settings = Sequence[tuple[str, Any]]


def settings_of(new: JobRow) -> Settings:
    """Return the columns of a changed job."""
    return (
        ("state", new.state),
        ("target_resources", comma_lists.join(new.target_resources)),
        ("input", new.input),
        ("output", new.output),
        ("job_specifics", new.job_specifics),
        ("state_time_stamp", new.state_time_stamp),
        ("daemon_pulse", new.daemon_pulse),
        ("exit_code", new.end.exit_code),
        ("exit_signal", new.end.exit_signal),
        ("end_reason", new.end.reason),
        *vars(new.end.usage).items(),
        ("started", new.started),
        ("tried", new.tried),
    )


def change(transaction: Transaction, old: JobRow, new: JobRow) -> bool:
    """Store a changed job if it is still in its old state, and return whether it was."""
    settings = settings_of(new)
    if new.daemon_reference != old.daemon_reference:
        # The job is not under the reference any more with which an exchange has given it out.
        settings = (*settings, ("daemon_reference", None))
    return _store(transaction, old, new, settings, "")


def set_state(transaction: Transaction, old: JobRow, new: JobRow) -> bool:
    """Change the state of a job if it is unlocked and still in its old state, and return whether it was."""
    settings = (("state", new.state), ("state_time_stamp", new.state_time_stamp))
    return _store(transaction, old, new, settings, " AND job.lock_state = 0")


def ended_before(transaction: Transaction, stamp: int, most: int) -> list[int]:
    """Return some jobs that nobody has locked and that ended before a time in seconds, the oldest first."""
    rows = transaction.rows(
        "SELECT job_id FROM job_queue WHERE state_time_stamp < %s AND state IN (%s, %s) AND lock_state = 0"
        " ORDER BY state_time_stamp, job_id LIMIT %s",
        stamp,
        *(State.FINISHED, State.ABORTED),
        most,
    )
    return [row["job_id"] for row in rows]


# The tables whose rows are deleted with a job.
_TABLES = ("job_queue", "job_access", "job_tails")


def delete(transaction: Transaction, job_ids: Sequence[int]) -> None:
    """Delete jobs."""
    for table in _TABLES:
        transaction.execute_pipelined(
            f"DELETE FROM {table} WHERE job_id IN ({placeholders(job_ids)})", *job_ids
        )


def _store(transaction: Transaction, old: JobRow, new: JobRow, settings: Settings, more: str) -> bool:
    mine = ", ".join(f"{column} = %s" for column, _ in settings)
    changed = transaction.run(
        f"UPDATE job_queue AS job SET {mine} WHERE job.job_id = %s AND job.state = %s{more}",
        *(value for _, value in settings),
        old.job_id,
        old.state,
    )
    if changed:
        job_access.change(transaction, [(old, new)])
    return bool(changed)
