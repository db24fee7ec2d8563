"""The table job_tails: the last bytes that running jobs have written, while a user watches them."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_server.db.transaction import Transaction, placeholders

# Jobs in one statement.
AT_ONCE = 500


@dataclass(frozen=True)
class TailRow:
    """The output of a job: ``data`` are the last of its ``length`` bytes so far.

    ``asked`` is when a user last requested it, ``reported`` when the daemon first sent some, both in seconds;
    ``reported`` is 0 before that. ``complete``: the job writes no more.
    """

    asked: int = 0
    reported: int = 0
    length: int = 0
    complete: bool = False
    data: bytes = b""

    @property
    def begin(self) -> int:
        """The offset of the first byte of ``data``."""
        return self.length - len(self.data)


def find(transaction: Transaction, job_id: int, hold: bool = False) -> TailRow | None:
    """Return the tail of a job, None if no user watches it; ``hold`` locks it until the transaction ends."""
    lock = transaction.for_update if hold else ""
    row = transaction.row(
        f"SELECT asked, told, length, complete, tail FROM job_tails WHERE job_id = %s{lock}", job_id
    )
    if row is None:
        return None
    return TailRow(row["asked"], row["told"], row["length"], bool(row["complete"]), bytes(row["tail"]))


def store(transaction: Transaction, job_id: int, tail: TailRow) -> None:
    """Store a tail in the row that the job has already; ``asked`` is not changed."""
    transaction.run(
        "UPDATE job_tails SET told = %s, length = %s, complete = %s, tail = %s WHERE job_id = %s",
        tail.reported,
        tail.length,
        int(tail.complete),
        tail.data,
        job_id,
    )


def ask(transaction: Transaction, job_ids: Sequence[int], now: int) -> None:
    """Store that users watch these jobs; jobs that do not exist any more are skipped."""
    transaction.run(
        f"UPDATE job_tails SET asked = %s WHERE job_id IN ({placeholders(job_ids)})", now, *job_ids
    )
    # REPLACE, since another worker may insert the same row at this moment.
    transaction.run(
        "REPLACE INTO job_tails (job_id, asked, tail) SELECT job_id, %s, X'' FROM job_queue"
        f" WHERE job_id IN ({placeholders(job_ids)}) AND job_id NOT IN (SELECT job_id FROM job_tails)",
        now,
        *job_ids,
    )


def forget(transaction: Transaction, before: int) -> None:
    """Delete the tails that no user has requested since ``before``, in seconds."""
    transaction.run("DELETE FROM job_tails WHERE asked < %s", before)


def progress(transaction: Transaction, job_ids: Sequence[int]) -> dict[int, int]:
    """Return the progress (`number`) of each of these jobs that has a tail, by job_id."""
    found: dict[int, int] = {}
    for begin in range(0, len(job_ids), AT_ONCE):
        some = job_ids[begin : begin + AT_ONCE]
        rows = transaction.rows(
            f"SELECT job_id, told, length, complete FROM job_tails WHERE job_id IN ({placeholders(some)})",
            *some,
        )
        found |= {row["job_id"]: number(row["told"], row["length"], row["complete"]) for row in rows}
    return found


def number(reported: int, length: int, complete: int) -> int:
    """Return a number that grows with each change of a tail."""
    return length + int(bool(reported)) + int(bool(complete))
