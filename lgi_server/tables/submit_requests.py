"""The table submit_requests: the job that a submit has created, by caller and request_id."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_server.db.transaction import Transaction, placeholders

# How long a request is stored, in seconds: much longer than any client retries.
KEPT_SECONDS = 86_400
# Old requests that one call deletes.
_AT_ONCE = 1000


@dataclass(frozen=True)
class StoredRequest:
    """A request that has created a job; ``contents`` is the fingerprint of its fields and files."""

    request_id: str
    contents: str
    job_id: int


def find(transaction: Transaction, caller: str, request_ids: Sequence[str]) -> dict[str, StoredRequest]:
    """Return the stored ones among these requests of a caller, by request_id."""
    if not request_ids:
        return {}
    rows = transaction.rows(
        "SELECT request_id, contents, job_id FROM submit_requests"
        f" WHERE caller = %s AND request_id IN ({placeholders(request_ids)})",
        caller,
        *request_ids,
    )
    return {
        row["request_id"]: StoredRequest(row["request_id"], row["contents"], int(row["job_id"]))
        for row in rows
    }


def insert(transaction: Transaction, caller: str, made: Sequence[StoredRequest], now: int) -> None:
    """Store requests at ``now``, in seconds.

    Raises UniqueViolationError, no later than at the commit, when another transaction has just stored one of
    them.
    """
    values = ", ".join(["(%s, %s, %s, %s, %s)"] * len(made))
    transaction.execute_pipelined(
        f"INSERT INTO submit_requests (caller, request_id, contents, job_id, made) VALUES {values}",
        *(value for one in made for value in (caller, one.request_id, one.contents, one.job_id, now)),
    )


def forget_old(transaction: Transaction, _numbers: Sequence[int], now: int) -> None:
    """Delete some requests that are older than KEPT_SECONDS. The numbers are not used."""
    rows = transaction.rows(
        "SELECT request_number FROM submit_requests WHERE made < %s ORDER BY made LIMIT %s",
        now - KEPT_SECONDS,
        _AT_ONCE,
    )
    numbers = [row["request_number"] for row in rows]
    if numbers:
        transaction.execute_pipelined(
            f"DELETE FROM submit_requests WHERE request_number IN ({placeholders(numbers)})", *numbers
        )
