"""Lists of the jobs that a user may read: pages, counts, filters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from lgi_protocol import comma_lists
from lgi_protocol.states import has_ended
from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables.job_queue import elements, owner_lists, target_lists
from lgi_server.tables.job_queue.jobs import AT_ONCE, SHORT, JobRow, job_in
from lgi_server.tables.job_queue.narrowing import narrowed
from lgi_server.tables.job_queue.selection import Parameters, Selection


def count(transaction: Transaction, selection: Selection) -> int:
    """Return the number of jobs in a selection.

    The jobs of each reader are counted in an index, without those that an earlier reader may read too: this
    costs half as much as removing duplicates does.
    """
    if selection.array:
        return elements.count(transaction, selection)
    parts, parameters = _once(transaction, selection)
    counts = [f"(SELECT COUNT(*) {part})" for part in parts] or ["0"]
    row = transaction.row(f"SELECT {' + '.join(counts)} AS n", *parameters)
    return int(row["n"]) if row else 0


def count_some(transaction: Transaction, selection: Selection, most: int) -> int:
    """Return the number of jobs of a selection without an array, more than ``most`` as ``most + 1``."""
    parts, parameters = _once(transaction, selection)
    if not parts:
        return 0
    some = [f"SELECT * FROM (SELECT 1 AS n {part} LIMIT {most + 1}) AS s{n}" for n, part in enumerate(parts)]
    row = transaction.row(f"SELECT COUNT(*) AS n FROM ({' UNION ALL '.join(some)}) AS every", *parameters)
    return min(int(row["n"]) if row else 0, most + 1)


def progress(transaction: Transaction, selection: Selection) -> dict[str, int]:
    """Return the number of jobs in a selection by state, or by result of those that have ended."""
    # job_queue has no column ended.
    parts, parameters = _once(transaction, selection, by_name=False)
    found: dict[str, int] = {}
    # Each has an index with all that it reads; there is none with both columns.
    for column in ("state", "ended") if parts else ():
        counts = [f"SELECT {column} AS word, COUNT(*) AS n {part} GROUP BY {column}" for part in parts]
        for row in transaction.rows(" UNION ALL ".join(counts), *parameters):
            if row["word"] and not has_ended(row["word"]):
                found[row["word"]] = found.get(row["word"], 0) + int(row["n"])
    return found


def _once(
    transaction: Transaction, selection: Selection, *, by_name: bool = True
) -> tuple[list[str], list[str | int]]:
    """Return the ends of queries that together have each job of a selection once, and their parameters."""
    readers = selection.every_reader
    parts, parameters = list[str](), list[str | int]()
    for number, end, values in _ranges(transaction, selection, readers, by_name=by_name):
        before = readers[:number]
        seen = (
            " AND NOT EXISTS (SELECT 1 FROM job_access AS other WHERE other.job_id = one.job_id"
            f" AND other.role IN ('read', 'part') AND other.name IN ({placeholders(before)}))"
        )
        parts.append(f"{end}{seen if before else ''}")
        parameters += [*values, *before]
    return parts, parameters


def _ranges(
    transaction: Transaction, selection: Selection, readers: Sequence[str], *, by_name: bool = True
) -> Iterator[tuple[int, str, Parameters]]:
    """Yield the ranges of indexes that together have a selection: each the end of a query, with parameters.

    Before it stands the place of its reader in ``readers``; the range of an owner or a target, which is read
    unless ``by_name`` is false, has the jobs of them all, and is said to be of the first one.
    """
    parts = narrowed(transaction, selection)
    is_looked_up = any(part.begin for part in parts)
    named = _of_name(transaction, selection, readers) if by_name and not is_looked_up else []
    if named:
        yield from ((0, *one) for one in named)
        return
    for (number, name), part in product(enumerate(readers), parts):
        where, filters = part.filters(name)
        for rows, row_values in part.rows_of(name):
            yield number, f"FROM {part.source} WHERE {rows}{where}", [*row_values, *filters]


def _of_name(
    transaction: Transaction, selection: Selection, readers: Sequence[str]
) -> list[tuple[str, Parameters]]:
    """Return the ranges of the owner or the target of a selection; none if it is not read by them."""
    if owners := owner_lists.texts(transaction, selection, readers):
        return owner_lists.ranges(selection, owners, readers)
    targets = target_lists.texts(transaction, selection, readers)
    return target_lists.ranges(selection, targets, readers)


def select(transaction: Transaction, selection: Selection, start: int, limit: int) -> list[JobRow]:
    """Return a page of a selection, ordered by the last change of state, without inputs and outputs.

    An index has the jobs of each reader in this order; the first ones of each are merged. The rows are read
    by a second statement, which is cheaper than a join. The elements of an array are ordered by index.
    """
    page = elements.page if selection.array else _page
    return in_order(transaction, page(transaction, selection, start, limit))


def in_order(transaction: Transaction, job_ids: Sequence[int]) -> list[JobRow]:
    """Return jobs in the order of ``job_ids``, without inputs and outputs; deleted ones are left out."""
    if not job_ids:
        return []
    rows = transaction.rows(
        f"SELECT {SHORT} FROM job_queue WHERE job_id IN ({placeholders(job_ids)})", *job_ids
    )
    found = {row["job_id"]: job_in(row) for row in rows}
    return [found[job_id] for job_id in job_ids if job_id in found]


@dataclass(frozen=True)
class ListCursor:
    """The position of a job in a list that is ordered by the last change of state (in seconds) and job_id."""

    state_time_stamp: int
    job_id: int


def newest(
    transaction: Transaction, selection: Selection, limit: int, before: ListCursor | None
) -> list[JobRow]:
    """Return the newest jobs of a selection, or the newest that are older than a cursor.

    The newest comes first. Inputs and outputs are left out.
    """
    return _from(transaction, selection, limit, ("<", "DESC"), before)


def newest_cursors(
    transaction: Transaction, selection: Selection, limit: int, before: ListCursor | None
) -> list[ListCursor]:
    """Return the positions of the jobs that `newest` returns, without reading the jobs."""
    return _cursors_from(transaction, selection, limit, ("<", "DESC"), before)


def next_newer(transaction: Transaction, selection: Selection, limit: int, after: ListCursor) -> list[JobRow]:
    """Return the jobs of a selection that follow a cursor in time, newest first; no inputs or outputs."""
    return _from(transaction, selection, limit, (">", "ASC"), after)[::-1]


def _from(
    transaction: Transaction,
    selection: Selection,
    limit: int,
    direction: tuple[str, str],
    cursor: ListCursor | None,
) -> list[JobRow]:
    """Return ``limit`` jobs in one direction from a cursor; no row on its other side is read."""
    found = _cursors_from(transaction, selection, limit, direction, cursor)
    return in_order(transaction, [one.job_id for one in found])


def _cursors_from(
    transaction: Transaction,
    selection: Selection,
    limit: int,
    direction: tuple[str, str],
    cursor: ListCursor | None,
) -> list[ListCursor]:
    relation, order = direction
    where, after = "", list[str | int]()
    if cursor is not None:
        where = f" AND state_time_stamp {relation}= %s"
        where += f" AND (state_time_stamp {relation} %s OR job_id {relation} %s)"
        after = [cursor.state_time_stamp, cursor.state_time_stamp, cursor.job_id]
    by_time = f"ORDER BY state_time_stamp {order}, job_id {order}"
    merged, parameters = _merged(transaction, selection, (where, after), by_time, limit)
    rows = transaction.rows(f"{merged} {by_time} LIMIT %s", *parameters, limit) if merged else []
    return [ListCursor(row["state_time_stamp"], row["job_id"]) for row in rows]


def _merged(
    transaction: Transaction,
    selection: Selection,
    more: tuple[str, list[str | int]],
    by_time: str,
    limit: int,
) -> tuple[str, list[str | int]]:
    """Return a query for the first ``limit`` jobs of each reader, and its parameters.

    ``more`` is a further condition with its parameters. Empty when no job can be in the selection.
    """
    parts, parameters = list[str](), list[str | int]()
    readers = selection.every_reader
    for _, end, values in _ranges(transaction, selection, readers):
        parts.append(
            f"SELECT * FROM (SELECT state_time_stamp, job_id {end}{more[0]} {by_time} LIMIT %s)"
            f" AS reader{len(parts)}"
        )
        parameters += [*values, *more[1], limit]
    return " UNION ".join(parts), parameters


def changed_since(transaction: Transaction, since: int) -> list[tuple[ListCursor, tuple[str, ...]]]:
    """Return cursor and readers of the jobs that have changed since a time, newest first, at most AT_ONCE."""
    rows = transaction.rows(
        "SELECT job_id, state_time_stamp, read_access FROM job_queue WHERE state_time_stamp >= %s"
        " ORDER BY state_time_stamp DESC, job_id DESC LIMIT %s",
        since,
        AT_ONCE,
    )
    return [
        (ListCursor(row["state_time_stamp"], row["job_id"]), comma_lists.split(row["read_access"]))
        for row in rows
    ]


def running_at(transaction: Transaction, applications: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the number of running jobs of some applications, by resource and then by application."""
    found: dict[str, dict[str, int]] = {}
    for begin in range(0, len(applications), AT_ONCE):
        some = applications[begin : begin + AT_ONCE]
        rows = transaction.rows(
            "SELECT target_resources, application, COUNT(*) AS n FROM job_queue"
            f" WHERE application IN ({placeholders(some)}) AND state = 'running'"
            " GROUP BY target_resources, application",
            *some,
        )
        for row in rows:
            found.setdefault(row["target_resources"], {})[row["application"]] = int(row["n"])
    return found


def _page(transaction: Transaction, selection: Selection, start: int, limit: int) -> list[int]:
    """Return the job_id of each job on a page, in its order."""
    by_time = "ORDER BY state_time_stamp, job_id"
    merged, parameters = _merged(transaction, selection, ("", []), by_time, start + limit)
    if not merged:
        return []
    rows = transaction.rows(f"{merged} {by_time} LIMIT %s OFFSET %s", *parameters, limit, start)
    return [row["job_id"] for row in rows]
