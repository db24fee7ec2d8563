"""The elements of one array, and lists of them in the order of their indexes; all have the same readers."""

from collections.abc import Sequence

from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables import job_access, job_arrays
from lgi_server.tables.job_queue.selection import Parameters, Selection


def join(transaction: Transaction, job_ids: Sequence[int], array_id: int) -> None:
    """Make jobs elements of an array."""
    transaction.execute_pipelined(
        f"UPDATE job_queue SET array_id = %s WHERE job_id IN ({placeholders(job_ids)})", array_id, *job_ids
    )


def place_of(transaction: Transaction, job_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Return array and index of those of these jobs that are elements now, by job_id."""
    rows = transaction.rows(
        f"SELECT job_id, array_id, array_index FROM job_queue WHERE job_id IN ({placeholders(job_ids)})"
        " AND array_id IS NOT NULL",
        *job_ids,
    )
    return {row["job_id"]: (row["array_id"], row["array_index"]) for row in rows}


def replace(transaction: Transaction, pairs: Sequence[tuple[int, int]]) -> None:
    """Give the places of jobs in their arrays to others: of each pair, by job_id, the old and the new one.

    The old one is no element any more, but still none of the jobs that are listed beside arrays.
    """
    old, new = [one for one, _ in pairs], [one for _, one in pairs]
    places = place_of(transaction, old)
    transaction.execute_pipelined(
        f"UPDATE job_queue SET array_id = NULL, array_index = NULL WHERE job_id IN ({placeholders(old)})",
        *old,
    )
    arrays, values = job_access.by_job({b: places[a][0] for a, b in pairs}, new, default="array_id")
    indexes, more = job_access.by_job({b: places[a][1] for a, b in pairs}, new, default="array_index")
    transaction.execute_pipelined(
        f"UPDATE job_queue SET array_id = {arrays}, array_index = {indexes}"
        f" WHERE job_id IN ({placeholders(new)})",
        *(*values, *more, *new),
    )
    job_access.make_parts(transaction, new)


def stored(transaction: Transaction, array_id: int, indexes: Sequence[int]) -> set[int]:
    """Return those of these indexes that elements of an array have."""
    if not indexes:
        return set()
    rows = transaction.rows(
        f"SELECT array_index FROM job_queue WHERE array_id = %s AND array_index IN ({placeholders(indexes)})",
        array_id,
        *indexes,
    )
    return {row["array_index"] for row in rows}


def indexes(transaction: Transaction, array_id: int) -> list[int]:
    """Return the indexes of the elements of an array."""
    rows = transaction.rows("SELECT array_index FROM job_queue WHERE array_id = %s", array_id)
    return [row["array_index"] for row in rows]


def count_all(transaction: Transaction, array_id: int) -> int:
    """Return how many elements of an array exist."""
    row = transaction.row("SELECT COUNT(*) AS n FROM job_queue WHERE array_id = %s", array_id)
    return int(row["n"]) if row else 0


def count_states(transaction: Transaction, array_id: int) -> dict[str, int]:
    """Return how many elements of an array have each state, those that have ended by `Result`."""
    rows = transaction.rows(
        "SELECT element_state, COUNT(*) AS n FROM job_queue WHERE array_id = %s GROUP BY element_state",
        array_id,
    )
    return {row["element_state"]: int(row["n"]) for row in rows}


def count(transaction: Transaction, selection: Selection) -> int:
    """Return the number of elements in a selection, 0 unless a reader of it may read the array."""
    where = _where(transaction, selection)
    row = where and transaction.row(f"SELECT COUNT(*) AS n FROM job_queue AS one WHERE {where[0]}", *where[1])
    return int(row["n"]) if row else 0


def page(transaction: Transaction, selection: Selection, start: int, limit: int) -> list[int]:
    """Return the job_id of each element on a page; none unless a reader of it may read the array."""
    where = _where(transaction, selection)
    if where is None:
        return []
    rows = transaction.rows(
        f"SELECT job_id FROM job_queue AS one WHERE {where[0]} ORDER BY array_index LIMIT %s OFFSET %s",
        *where[1],
        limit,
        start,
    )
    return [row["job_id"] for row in rows]


def progress(transaction: Transaction, selection: Selection) -> dict[str, int]:
    """Return the number of elements in a selection by state, or by result of those that have ended."""
    where = _where(transaction, selection)
    if where is None:
        return {}
    rows = transaction.rows(
        f"SELECT element_state, COUNT(*) AS n FROM job_queue AS one WHERE {where[0]} GROUP BY element_state",
        *where[1],
    )
    return {row["element_state"]: int(row["n"]) for row in rows}


def count_active(transaction: Transaction, array_id: int) -> int:
    """Return how many elements of an array have not ended and are not held by its limit."""
    row = transaction.row(
        "SELECT COUNT(*) AS n FROM job_queue AS job WHERE array_id = %s"
        " AND element_state NOT IN ('succeeded', 'failed', 'unknown') AND NOT EXISTS"
        " (SELECT 1 FROM job_holds AS held WHERE held.job_id = job.job_id AND held.reason = 'array')",
        array_id,
    )
    return int(row["n"]) if row else 0


def held(transaction: Transaction, array_id: int, limit: int) -> list[int]:
    """Return queued elements of an array that its limit holds, by index."""
    rows = transaction.rows(
        "SELECT job.job_id AS job_id FROM job_queue AS job JOIN job_holds AS held"
        " ON held.job_id = job.job_id AND held.reason = 'array'"
        " WHERE array_id = %s AND element_state = 'queued' ORDER BY array_index LIMIT %s",
        array_id,
        limit,
    )
    return [row["job_id"] for row in rows]


def run_times(transaction: Transaction, array_id: int, limit: int) -> list[int]:
    """Return how many seconds some elements of an array have run that succeeded."""
    rows = transaction.rows(
        "SELECT state_time_stamp - started AS seconds FROM job_queue WHERE array_id = %s"
        " AND element_state = 'succeeded' AND started IS NOT NULL ORDER BY array_index LIMIT %s",
        array_id,
        limit,
    )
    return [int(row["seconds"]) for row in rows]


def starts(transaction: Transaction, array_id: int, limit: int) -> list[int]:
    """Return when some running elements of an array were started, in seconds."""
    rows = transaction.rows(
        "SELECT started FROM job_queue WHERE array_id = %s AND element_state = 'running'"
        " AND started IS NOT NULL ORDER BY array_index LIMIT %s",
        array_id,
        limit,
    )
    return [int(row["started"]) for row in rows]


def _where(transaction: Transaction, selection: Selection) -> tuple[str, Parameters] | None:
    reader = job_arrays.reader_of(transaction, selection.array, selection.readers)
    if reader is None:
        return None
    condition, parameters = selection.element_filters(reader)
    return f"one.array_id = %s{condition}", [selection.array, *parameters]
