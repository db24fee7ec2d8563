"""The table queue_history: jobs queued, running, ended and failed, by hour and by day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lgi_server.db.transaction import Row, Transaction, placeholders

# The name of the whole project.
PROJECT = ""
# Rows of one statement.
_AT_ONCE = 100


@dataclass(frozen=True)
class QueueSpan:
    """The jobs of an hour or a day.

    ``queued`` and ``running`` are the most that were seen at once, None where the scheduler has not looked;
    ``ended`` counts the jobs that ended, in any way, and ``failed`` those of them that failed.
    """

    queued: int | None = None
    running: int | None = None
    ended: int = 0
    failed: int = 0

    def __add__(self, other: "QueueSpan") -> "QueueSpan":
        return QueueSpan(
            _larger(self.queued, other.queued),
            _larger(self.running, other.running),
            self.ended + other.ended,
            self.failed + other.failed,
        )


@dataclass(frozen=True)
class SpanKey:
    """Whose span: a user or `PROJECT`; its length in seconds, and its begin in seconds since 1970."""

    name: str
    seconds: int
    begins: int


def _larger(one: int | None, other: int | None) -> int | None:
    known = [number for number in (one, other) if number is not None]
    return max(known) if known else None


def _span(row: Row) -> QueueSpan:
    return QueueSpan(row["queued"], row["running"], int(row["ended"]), int(row["failed"]))


def merge(transaction: Transaction, more: Mapping[SpanKey, QueueSpan]) -> None:
    """Add to the stored spans. The caller makes sure that no other transaction does so at the same time."""
    keys = sorted(more, key=lambda key: (key.name, key.seconds, key.begins))
    for begin in range(0, len(keys), _AT_ONCE):
        part = keys[begin : begin + _AT_ONCE]
        known = _known(transaction, part)
        _store(transaction, {key: known.get(key, QueueSpan()) + more[key] for key in part})


def _known(transaction: Transaction, keys: list[SpanKey]) -> dict[SpanKey, QueueSpan]:
    some = " OR ".join(["(name = %s AND span_seconds = %s AND begins = %s)"] * len(keys))
    rows = transaction.rows(
        "SELECT name, span_seconds, begins, queued, running, ended, failed FROM queue_history"
        f" WHERE {some}{transaction.for_update}",
        *(value for key in keys for value in (key.name, key.seconds, key.begins)),
    )
    return {SpanKey(row["name"], row["span_seconds"], row["begins"]): _span(row) for row in rows}


def _store(transaction: Transaction, spans: Mapping[SpanKey, QueueSpan]) -> None:
    values = ", ".join([f"({placeholders(range(7))})"] * len(spans))
    transaction.execute_pipelined(
        "REPLACE INTO queue_history (name, span_seconds, begins, queued, running, ended, failed)"
        f" VALUES {values}",
        *(
            value
            for key, one in spans.items()
            for value in (key.name, key.seconds, key.begins, one.queued, one.running, one.ended, one.failed)
        ),
    )


def since(transaction: Transaction, name: str, seconds: int, begins: int) -> dict[int, QueueSpan]:
    """Return the spans of this length of a name from ``begins`` on, by their begin in seconds."""
    rows = transaction.rows(
        "SELECT begins, queued, running, ended, failed FROM queue_history"
        " WHERE name = %s AND span_seconds = %s AND begins >= %s",
        name,
        seconds,
        begins,
    )
    return {int(row["begins"]): _span(row) for row in rows}


def delete_before(transaction: Transaction, oldest: Iterable[tuple[int, int]]) -> None:
    """Delete spans that began earlier than ``oldest`` says: length and earliest begin, in seconds."""
    for seconds, begins in oldest:
        transaction.run("DELETE FROM queue_history WHERE span_seconds = %s AND begins < %s", seconds, begins)
