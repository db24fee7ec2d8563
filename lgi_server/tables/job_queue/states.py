"""Changes of a job: of its row in job_queue and of its rows in job_access.

MariaDB could change both with one statement, but takes twice as long for that as for two.
"""

from collections.abc import Sequence
from typing import Any

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction
from lgi_server.tables import job_access
from lgi_server.tables.job_queue.jobs import JobRow

# Columns and their values.
Settings = Sequence[tuple[str, Any]]


def change(transaction: Transaction, old: JobRow, new: JobRow) -> bool:
    """Store a changed job if it is still in its old state, and return whether it was."""
    settings = (
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
    )
    return _store(transaction, old, new, settings, "")


def set_state(transaction: Transaction, old: JobRow, new: JobRow) -> bool:
    """Change the state of a job if it is unlocked and still in its old state, and return whether it was."""
    settings = (("state", new.state), ("state_time_stamp", new.state_time_stamp))
    return _store(transaction, old, new, settings, " AND job.lock_state = 0")


# The tables whose rows are deleted with a job.
_TABLES = ("job_queue", "job_access", "job_tails")


def delete(transaction: Transaction, job_id: int) -> None:
    """Delete a job."""
    for table in _TABLES:
        transaction.execute_pipelined(f"DELETE FROM {table} WHERE job_id = %s", job_id)


def _store(transaction: Transaction, old: JobRow, new: JobRow, settings: Settings, more: str) -> bool:
    mine = ", ".join(f"{column} = %s" for column, _ in settings)
    changed = transaction.run(
        f"UPDATE job_queue AS job SET {mine} WHERE job.job_id = %s AND job.state = %s{more}",
        *(value for _, value in settings),
        old.job_id,
        old.state,
    )
    if changed:
        names, values = _names(old, new)
        sql = f"UPDATE job_access AS one SET {', '.join(names)} WHERE one.job_id = %s"
        transaction.execute_pipelined(sql, *values, old.job_id)
        if _is_other_list(old, new):
            job_access.set_targets(transaction, new)
    return bool(changed)


def _is_other_list(old: JobRow, new: JobRow) -> bool:
    """Return whether the targets change in another way than from one target to one other.

    That is the usual case: a daemon that takes a job replaces its target by its own resource.
    """
    is_one = len(old.target_resources) == len(new.target_resources) == 1
    return old.target_resources != new.target_resources and not is_one


def _names(old: JobRow, new: JobRow) -> tuple[list[str], list[Any]]:
    """Return the assignments for the rows of job_access, and their values; roles never change."""
    parts = [
        "state = CASE one.role WHEN 'target' THEN '' ELSE %s END",
        "state_time_stamp = CASE one.role WHEN 'read' THEN %s ELSE 0 END",
        "ended = CASE one.role WHEN 'read' THEN %s ELSE '' END",
    ]
    values: list[Any] = [new.state, new.state_time_stamp, new.ended]
    if old.target_resources != new.target_resources and not _is_other_list(old, new):
        parts.append("name = CASE one.role WHEN 'target' THEN %s ELSE one.name END")
        values.append(new.target_resources[0])
    return parts, values
