"""The table job_history: every change of a job's state; the rows stay when the job is deleted."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Row, Transaction, placeholders
from lgi_server.tables import job_access


@dataclass(frozen=True)
class StateChange:
    """A row of job_history: ``change_time`` is in seconds, ``old_state`` is empty for a submit.

    ``change_id`` is 0 while the change is not stored.
    """

    job_id: int
    change_time: int
    old_state: str
    new_state: str
    changed_by: str
    reason: str
    application: str
    owners: tuple[str, ...]
    target_resources: tuple[str, ...]
    change_id: int = 0
    # Of a submit only.
    job_name: str = ""
    labels: str = ""

    def values(self) -> tuple[str | int, ...]:
        """Return the values of the row in the order of the columns."""
        lists_of_names = comma_lists.join(self.owners), comma_lists.join(self.target_resources)
        texts = (self.old_state, self.new_state, self.changed_by, self.reason, self.application)
        return (self.job_id, self.change_time, *texts, *lists_of_names, self.job_name, self.labels)


_COLUMNS = (
    "job_id, change_time, old_state, new_state, changed_by, reason, application, owners, target_resources,"
    " job_name, labels"
)
_VALUES = placeholders(_COLUMNS.split(","))


def _change_in(row: Row) -> StateChange:
    values = {name: row[name] for name in f"{_COLUMNS}, change_id".split(", ")}
    for name in ("owners", "target_resources"):
        values[name] = comma_lists.split(values[name])
    return StateChange(**values)


def record(transaction: Transaction, first: StateChange, change: StateChange | None = None) -> None:
    """Store the submit of a job (``first``) unless the job has rows already, and then a change of it."""
    submit = f"SELECT {_VALUES} FROM (SELECT 1 AS one) AS it"
    once = f"{submit} WHERE NOT EXISTS (SELECT 1 FROM job_history WHERE job_id = %s)"
    every = [f"SELECT {_VALUES}"] if change else []
    transaction.execute_pipelined(
        f"INSERT INTO job_history ({_COLUMNS}) {' UNION ALL '.join([once, *every])}",
        *first.values(),
        first.job_id,
        *(change.values() if change else ()),
    )


# The submit of a job by its user, the first of its owners, from the job's row; its labels come last. MariaDB
# collects the rows in a temporary table, which is a file when a column may have more than 512 characters: so
# the user is cut to the length of its column, and labels are left out where no job has any.
_SUBMIT_COLUMNS = _COLUMNS.removesuffix(", labels")
_SUBMIT = (
    "SELECT job_id, state_time_stamp, '', state, SUBSTR(REPLACE('user *', '*', TRIM(CASE WHEN"
    " INSTR(owners, ',') > 0 THEN SUBSTR(owners, 1, INSTR(owners, ',') - 1) ELSE owners END)), 1, 300),"
    " 'submitted', application, owners, target_resources, job_name"
)


def record_submits(transaction: Transaction, submits: Sequence[StateChange]) -> None:
    """Store the submit of those of these jobs that have no rows yet, from their rows in job_queue."""
    job_ids = sorted({submit.job_id for submit in submits})
    more = ", labels" if any(submit.labels for submit in submits) else ""
    transaction.execute_pipelined(
        f"INSERT INTO job_history ({_SUBMIT_COLUMNS}{more}) {_SUBMIT}{more} FROM job_queue AS job"
        f" WHERE job_id IN ({placeholders(job_ids)})"
        " AND NOT EXISTS (SELECT 1 FROM job_history AS known WHERE known.job_id = job.job_id)",
        *job_ids,
    )


def record_all(transaction: Transaction, changes: Sequence[StateChange]) -> None:
    """Store changes of jobs in their order."""
    values = ", ".join([f"({_VALUES})"] * len(changes))
    transaction.execute_pipelined(
        f"INSERT INTO job_history ({_COLUMNS}) VALUES {values}",
        *(value for change in changes for value in change.values()),
    )


def first_targets(transaction: Transaction, job_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return the targets that jobs were submitted with, as far as their history has them, by job_id."""
    if not job_ids:
        return {}
    rows = transaction.rows(
        f"SELECT job_id, target_resources FROM job_history WHERE job_id IN ({placeholders(job_ids)})"
        " AND old_state = '' ORDER BY change_id DESC",
        *job_ids,
    )
    return {int(row["job_id"]): comma_lists.split(row["target_resources"]) for row in rows}


def of_job(transaction: Transaction, job_id: int) -> list[StateChange]:
    """Return the changes of a job, the oldest first."""
    rows = transaction.rows(
        f"SELECT {_COLUMNS}, change_id FROM job_history WHERE job_id = %s ORDER BY change_id", job_id
    )
    return [_change_in(row) for row in rows]


def last(transaction: Transaction, job_ids: Sequence[int]) -> dict[int, StateChange]:
    """Return the last change of each of these jobs that has any, by job_id."""
    rows = transaction.rows(
        f"SELECT {_COLUMNS}, change_id FROM job_history JOIN (SELECT MAX(change_id) AS newest"
        f" FROM job_history WHERE job_id IN ({placeholders(job_ids)}) GROUP BY job_id) AS it"
        " ON change_id = it.newest",
        *job_ids,
    )
    return {row["job_id"]: _change_in(row) for row in rows}


def replace_reasons(transaction: Transaction, changes: Sequence[StateChange]) -> None:
    """Store reason and time of stored changes, of a different job each."""
    job_ids = [one.job_id for one in changes]
    reasons, some = job_access.by_job({one.job_id: one.reason for one in changes}, job_ids, default="reason")
    times = {one.job_id: one.change_time for one in changes}
    moments, more = job_access.by_job(times, job_ids, default="change_time")
    transaction.execute_pipelined(
        f"UPDATE job_history SET reason = {reasons}, change_time = {moments}"
        f" WHERE change_id IN ({placeholders(changes)})",
        *some,
        *more,
        *(one.change_id for one in changes),
    )


def take(transaction: Transaction, limit: int) -> list[StateChange]:
    """Return the oldest changes that are not in the usage yet, and lock them until the transaction ends."""
    rows = transaction.rows(
        f"SELECT {_COLUMNS}, change_id FROM job_history WHERE accounted = 0"
        f" ORDER BY change_id LIMIT %s{transaction.for_update}",
        limit,
    )
    return [_change_in(row) for row in rows]


def set_accounted(transaction: Transaction, change_ids: Sequence[int]) -> None:
    """Mark changes as included in the usage."""
    transaction.execute_pipelined(
        f"UPDATE job_history SET accounted = 1 WHERE change_id IN ({placeholders(change_ids)})", *change_ids
    )


def oldest(transaction: Transaction, limit: int) -> list[tuple[int, int]]:
    """Return change_id and time of the oldest changes.

    The list ends before the first change that is not in the usage yet.
    """
    rows = transaction.rows(
        "SELECT change_id, change_time, accounted FROM job_history ORDER BY change_id LIMIT %s", limit
    )
    found = []
    for row in rows:
        if not row["accounted"]:
            break
        found.append((row["change_id"], row["change_time"]))
    return found


def delete(transaction: Transaction, change_ids: Sequence[int]) -> None:
    """Delete changes by their change_id."""
    transaction.execute_pipelined(
        f"DELETE FROM job_history WHERE change_id IN ({placeholders(change_ids)})", *change_ids
    )
