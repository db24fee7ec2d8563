"""job_tails: the end of what jobs have put out so far, as long as somebody looks."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_server.db.transaction import Transaction, placeholders

# So many numbers at most in one statement.
AT_ONCE = 500


@dataclass(frozen=True)
class TailRow:
    """``data`` is the last of ``length`` bytes; ``told`` is 0 while no daemon has sent anything."""

    asked: int = 0
    told: int = 0
    length: int = 0
    complete: bool = False
    data: bytes = b""

    @property
    def begin(self) -> int:
        """Which byte the data begin with."""
        return self.length - len(self.data)


def find(transaction: Transaction, job_id: int, hold: bool = False) -> TailRow | None:
    """Return the tail of a job somebody has asked for; ``hold`` keeps it for the rest of the transaction."""
    lock = transaction.for_update if hold else ""
    row = transaction.row(
        f"SELECT asked, told, length, complete, tail FROM job_tails WHERE job_id = %s{lock}", job_id
    )
    if row is None:
        return None
    return TailRow(row["asked"], row["told"], row["length"], bool(row["complete"]), bytes(row["tail"]))


def store(transaction: Transaction, job_id: int, tail: TailRow) -> None:
    """Change what is known of a job that is there already; not who asked when."""
    transaction.run(
        "UPDATE job_tails SET told = %s, length = %s, complete = %s, tail = %s WHERE job_id = %s",
        tail.told,
        tail.length,
        int(tail.complete),
        tail.data,
        job_id,
    )


def ask(transaction: Transaction, job_ids: Sequence[int], now: int) -> None:
    """Note that somebody looks at these jobs, which need not be there any more."""
    transaction.run(
        f"UPDATE job_tails SET asked = %s WHERE job_id IN ({placeholders(job_ids)})", now, *job_ids
    )
    # Another worker may do the same just now.
    transaction.run(
        "REPLACE INTO job_tails (job_id, asked, tail) SELECT job_id, %s, X'' FROM job_queue"
        f" WHERE job_id IN ({placeholders(job_ids)}) AND job_id NOT IN (SELECT job_id FROM job_tails)",
        now,
        *job_ids,
    )


def forget(transaction: Transaction, before: int) -> None:
    """Drop what nobody has looked at since a moment."""
    transaction.run("DELETE FROM job_tails WHERE asked < %s", before)


def progress(transaction: Transaction, job_ids: Sequence[int]) -> dict[int, int]:
    """Return a number for each of some jobs that is another one when its tail has changed.

    A job without a tail has no number.
    """
    found: dict[int, int] = {}
    for begin in range(0, len(job_ids), AT_ONCE):
        some = job_ids[begin : begin + AT_ONCE]
        rows = transaction.rows(
            f"SELECT job_id, told, length, complete FROM job_tails WHERE job_id IN ({placeholders(some)})",
            *some,
        )
        found |= {row["job_id"]: number(row["told"], row["length"], row["complete"]) for row in rows}
    return found


def number(told: int, length: int, complete: int) -> int:
    """Return the progress of a tail: it only grows."""
    return length + int(bool(told)) + int(bool(complete))
