"""Several jobs read with one statement: for an exchange, which concerns many at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_protocol.daemon_reference import reference_of
from lgi_server.db.transaction import Query, Row, Transaction, placeholders
from lgi_server.tables.job_queue.jobs import SHORT, WHOLE, JobRow, job_in, prefixed
from lgi_server.tables.running_locks import LOCK_COLUMNS, Lock, lock_in

# Characters at the begin of job_specifics, where daemons put their reference.
_HEAD = 120


@dataclass(frozen=True)
class HeldJob:
    """What decides whether a job is still as the daemon that has it knows it."""

    job_id: int
    state: str
    application: str
    target_resources: tuple[str, ...]
    state_time_stamp: int
    daemon_reference: str


LockedRow = tuple[JobRow, Lock | None]


@dataclass(frozen=True)
class ExchangeRows:
    """The jobs that an exchange names.

    ``reported`` are locked as `lock` returns them, ``held`` are not locked, and ``given`` has the jobs that
    exchanges gave out under the posted references, with input and output, in the order of their numbers.
    """

    reported: Mapping[int, LockedRow]
    held: Mapping[int, HeldJob]
    given: Sequence[tuple[str, JobRow]]


def read(
    transaction: Transaction, reported: Sequence[int], held: Sequence[int], references: Sequence[str]
) -> ExchangeRows:
    """Return the jobs with these numbers and references.

    They are read with one round trip, and those that were given out already with another one. The reported
    ones are read first: the same exchange made at the same time waits there.
    """
    queries: dict[str, Query] = {}
    if reported:
        queries["reported"] = _lock_query(transaction, reported)
    if held:
        queries["held"] = _held_query(held)
    if references:
        queries["given"] = _given_query("daemon_reference", references)
    rows = dict(zip(queries, transaction.rows_of_each(list(queries.values())), strict=True))
    given = [row["daemon_reference"] for row in rows.get("given", ())]
    return ExchangeRows(
        reported={row["job_id"]: (job_in(row), lock_in(row)) for row in rows.get("reported", ())},
        held={row["job_id"]: _held_in(row) for row in rows.get("held", ())},
        given=_given_in(_whole(transaction, given) if given else ()),
    )


def _held_query(job_ids: Sequence[int]) -> Query:
    sql = (
        "SELECT job_id, state, application, target_resources, state_time_stamp,"
        f" SUBSTR(job_specifics, 1, {_HEAD}) AS head FROM job_queue"
        f" WHERE job_id IN ({placeholders(job_ids)})"
    )
    return sql, job_ids


def _held_in(row: Row) -> HeldJob:
    return HeldJob(
        row["job_id"],
        row["state"],
        row["application"],
        comma_lists.split(row["target_resources"]),
        row["state_time_stamp"],
        reference_of(row["head"]),
    )


def find(transaction: Transaction, job_ids: Sequence[int]) -> dict[int, JobRow]:
    """Return those of these jobs that exist, by job_id, without input and output."""
    rows = transaction.rows(
        f"SELECT {SHORT} FROM job_queue WHERE job_id IN ({placeholders(job_ids)})", *job_ids
    )
    return {row["job_id"]: job_in(row) for row in rows}


def lock(transaction: Transaction, job_ids: Sequence[int]) -> dict[int, LockedRow]:
    """Return those of these jobs that exist, with the lock on each, without input and output.

    Their rows are locked until the transaction ends, in the order of their numbers.
    """
    sql, parameters = _lock_query(transaction, job_ids)
    rows = transaction.rows(sql, *parameters)
    return {row["job_id"]: (job_in(row), lock_in(row)) for row in rows}


def _lock_query(transaction: Transaction, job_ids: Sequence[int]) -> Query:
    sql = (
        f"SELECT {prefixed('job')}, {LOCK_COLUMNS} FROM job_queue AS job"
        " LEFT JOIN running_locks AS held ON held.job_id = job.job_id"
        f" WHERE job.job_id IN ({placeholders(job_ids)}) ORDER BY job.job_id{transaction.for_update}"
    )
    return sql, job_ids


def _given_query(columns: str, references: Sequence[str]) -> Query:
    sql = f"SELECT {columns} FROM job_queue WHERE daemon_reference IN ({placeholders(references)})"
    return sql, references


def _whole(transaction: Transaction, references: Sequence[str]) -> list[Row]:
    """Return the whole rows of jobs with these references.

    Most references are new: MariaDB takes longer to describe all columns than to find none.
    """
    sql, parameters = _given_query(f"daemon_reference, {WHOLE}", references)
    return transaction.rows(sql, *parameters)


def _given_in(rows: Sequence[Row]) -> list[tuple[str, JobRow]]:
    # Ordered here: for an ORDER BY job_id SQLite would read the whole table in that order.
    found = []
    for row in sorted(rows, key=lambda row: int(row["job_id"])):
        columns = dict(row)
        found.append((columns.pop("daemon_reference"), job_in(columns)))
    return found
