"""Changes of several jobs with one statement for each table, whatever their number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables import job_access
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_queue.states import settings_of


@dataclass(frozen=True)
class RowChange:
    """A job whose row the transaction has locked, as it was read and as it is to be.

    ``given``: the reference under which an exchange gives it out; empty for a job that keeps its own, or that
    has it no more.
    """

    old: JobRow
    new: JobRow
    given: str = ""


def store(transaction: Transaction, changes: Sequence[RowChange]) -> None:
    """Store changed jobs. Raises UniqueViolationError when a job was given out under the same reference."""
    if not changes:
        return
    _store_rows(transaction, changes)
    job_access.change(transaction, [(one.old, one.new) for one in changes])


def _store_rows(transaction: Transaction, changes: Sequence[RowChange]) -> None:
    """Change the columns that differ in any job."""
    columns: dict[str, dict[int, Any]] = {}
    for one in changes:
        pairs = zip(settings_of(one.old), settings_of(one.new), strict=True)
        for (column, before), (_, value) in pairs:
            if value != before:
                columns.setdefault(column, {})[one.old.job_id] = value
        if one.given or one.new.daemon_reference != one.old.daemon_reference:
            columns.setdefault("daemon_reference", {})[one.old.job_id] = one.given or None
    job_ids = [one.old.job_id for one in changes]
    parts, parameters = list[str](), list[Any]()
    for column, values in columns.items():
        part, some = job_access.by_job(values, job_ids, default=column)
        parts.append(f"{column} = {part}")
        parameters += some
    transaction.execute_pipelined(
        f"UPDATE job_queue SET {', '.join(parts)} WHERE job_id IN ({placeholders(job_ids)})",
        *parameters,
        *job_ids,
    )
