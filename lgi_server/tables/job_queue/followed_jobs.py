"""The jobs that a new one is to follow: read and locked with few statements, however many there are."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lgi_protocol import job_references
from lgi_protocol.job_end import End, Result
from lgi_server.db.transaction import Row, Transaction, placeholders

# Ranges of numbers in one statement.
_AT_ONCE = 500


@dataclass(frozen=True)
class FollowedJob:
    """What decides whether a job can be followed, and whether that has to wait for it."""

    job_id: int
    state: str
    read_access: str
    has_failed: bool


def lock(transaction: Transaction, job_ids: Iterable[int]) -> list[FollowedJob]:
    """Return those of these jobs that exist, in ascending order, and lock their rows until the commit."""
    return [
        _job_in(row)
        for condition, parameters in _conditions(job_ids)
        for row in transaction.rows(
            "SELECT job_id, state, read_access, exit_code, exit_signal FROM job_queue"
            f" WHERE {condition} ORDER BY job_id{transaction.for_update}",
            *parameters,
        )
    ]


def mark(transaction: Transaction, job_ids: Iterable[int]) -> None:
    """Store that others follow these jobs."""
    for condition, parameters in _conditions(job_ids):
        transaction.execute_pipelined(
            f"UPDATE job_queue SET has_dependents = 1 WHERE {condition} AND has_dependents = 0", *parameters
        )


def elements(
    transaction: Transaction, array_id: int, ranges: Sequence[tuple[int, int]], limit: int
) -> dict[int, int]:
    """Return job_ids by index of the elements of an array with indexes in these ranges, at most ``limit``."""
    among = f" AND ({' OR '.join(['array_index BETWEEN %s AND %s'] * len(ranges))})" if ranges else ""
    rows = transaction.rows(
        f"SELECT job_id, array_index FROM job_queue WHERE array_id = %s{among} ORDER BY array_index LIMIT %s",
        array_id,
        *(number for one in ranges for number in one),
        limit,
    )
    return {int(row["array_index"]): int(row["job_id"]) for row in rows}


def _conditions(job_ids: Iterable[int]) -> Iterator[tuple[str, list[int]]]:
    """Yield conditions for the rows of jobs: ranges of the primary key, so that no other rows are locked."""
    found = job_references.runs(job_ids)
    for begin in range(0, len(found), _AT_ONCE):
        some = found[begin : begin + _AT_ONCE]
        single = [first for first, last in some if first == last]
        ranges = [pair for pair in some if pair[0] != pair[1]]
        parts = ["job_id BETWEEN %s AND %s"] * len(ranges)
        parts += [f"job_id IN ({placeholders(single)})"] if single else []
        yield f"({' OR '.join(parts)})", [*(number for pair in ranges for number in pair), *single]


def _job_in(row: Row) -> FollowedJob:
    end = End(row["exit_code"], row["exit_signal"])
    failed = end.result(row["state"]) is Result.FAILED
    return FollowedJob(int(row["job_id"]), row["state"], row["read_access"], failed)
