"""submit_requests: which job a submit has made, by who submitted and the id the submit was given."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_server.db.transaction import Transaction, placeholders

# How long a request is remembered, in seconds: much longer than anybody tries again.
KEPT_SECONDS = 86_400
# So many old ones go at once.
_AT_ONCE = 1000


@dataclass(frozen=True)
class StoredRequest:
    """A request that has made a job; ``contents`` is the digest of what it said."""

    request_id: str
    contents: str
    job_id: int


def find(transaction: Transaction, caller: str, request_ids: Sequence[str]) -> dict[str, StoredRequest]:
    """Return those of a caller's requests that have made a job, by their ids."""
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
    """Remember requests.

    When another transaction has just remembered one of them, this one does not last: UniqueViolationError.
    """
    values = ", ".join(["(%s, %s, %s, %s, %s)"] * len(made))
    transaction.execute_pipelined(
        f"INSERT INTO submit_requests (caller, request_id, contents, job_id, made) VALUES {values}",
        *(value for one in made for value in (caller, one.request_id, one.contents, one.job_id, now)),
    )


def forget_old(transaction: Transaction, _numbers: Sequence[int], now: int) -> None:
    """Forget some requests that nobody will repeat any more."""
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
