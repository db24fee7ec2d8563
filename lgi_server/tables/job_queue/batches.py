"""Several jobs read with one statement: for an exchange, which concerns many at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_protocol.daemon_reference import reference_of
from lgi_server.db.transaction import Transaction, placeholders
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


def held(transaction: Transaction, job_ids: Sequence[int]) -> dict[int, HeldJob]:
    """Return those of these jobs that exist, by job_id, without locking them."""
    rows = transaction.rows(
        "SELECT job_id, state, application, target_resources, state_time_stamp,"
        f" SUBSTR(job_specifics, 1, {_HEAD}) AS head FROM job_queue"
        f" WHERE job_id IN ({placeholders(job_ids)})",
        *job_ids,
    )
    return {
        row["job_id"]: HeldJob(
            row["job_id"],
            row["state"],
            row["application"],
            comma_lists.split(row["target_resources"]),
            row["state_time_stamp"],
            reference_of(row["head"]),
        )
        for row in rows
    }


def find(transaction: Transaction, job_ids: Sequence[int]) -> dict[int, JobRow]:
    """Return those of these jobs that exist, by job_id, without input and output."""
    rows = transaction.rows(
        f"SELECT {SHORT} FROM job_queue WHERE job_id IN ({placeholders(job_ids)})", *job_ids
    )
    return {row["job_id"]: job_in(row) for row in rows}


def lock(transaction: Transaction, job_ids: Sequence[int]) -> dict[int, tuple[JobRow, Lock | None]]:
    """Return those of these jobs that exist, with the lock on each, without input and output.

    Their rows are locked until the transaction ends, in the order of their numbers.
    """
    rows = transaction.rows(
        f"SELECT {prefixed('job')}, {LOCK_COLUMNS} FROM job_queue AS job"
        " LEFT JOIN running_locks AS held ON held.job_id = job.job_id"
        f" WHERE job.job_id IN ({placeholders(job_ids)}) ORDER BY job.job_id{transaction.for_update}",
        *job_ids,
    )
    return {row["job_id"]: (job_in(row), lock_in(row)) for row in rows}


def given(transaction: Transaction, references: Sequence[str]) -> Iterator[tuple[str, JobRow]]:
    """Yield the jobs, with input and output, that exchanges have given out under these references."""
    # Ordered here: for an ORDER BY job_id SQLite would read the whole table in that order.
    rows = transaction.rows(
        f"SELECT daemon_reference, {WHOLE} FROM job_queue"
        f" WHERE daemon_reference IN ({placeholders(references)})",
        *references,
    )
    for row in sorted(rows, key=lambda row: int(row["job_id"])):
        columns = dict(row)
        yield columns.pop("daemon_reference"), job_in(columns)
