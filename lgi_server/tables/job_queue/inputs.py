"""The begin of the inputs of jobs, for lists, which read no inputs otherwise."""

from collections.abc import Mapping, Sequence

from lgi_server.db.transaction import Transaction, placeholders

# Bytes of each input.
_BEGIN = 2000


def begins(transaction: Transaction, job_ids: Sequence[int]) -> Mapping[int, bytes]:
    """Return the begin of the input of each of these jobs that exists."""
    if not job_ids:
        return {}
    rows = transaction.rows(
        f"SELECT job_id, SUBSTR(input, 1, {_BEGIN}) AS head FROM job_queue"
        f" WHERE job_id IN ({placeholders(job_ids)})",
        *job_ids,
    )
    return {row["job_id"]: bytes(row["head"]) for row in rows}
