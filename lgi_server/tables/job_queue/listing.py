"""Lists of the jobs that a user may read: pages, counts, filters."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables.job_queue.jobs import AT_ONCE, SHORT, JobRow, job_in


@dataclass(frozen=True)
class Selection:
    """Which jobs a list has: those that one of ``readers`` or ``any`` may read and that pass all filters.

    An empty filter passes every job. ``not_state`` and ``not_application`` invert the filters. ``ended`` is a
    value of `Result`: jobs with this result.
    """

    readers: tuple[str, ...]
    state: str = ""
    not_state: bool = False
    application: str = ""
    not_application: bool = False
    ended: str = ""


def count(transaction: Transaction, selection: Selection) -> int:
    """Return the number of jobs in a selection.

    The jobs of each reader are counted in an index, without those that an earlier reader may read too: this
    costs half as much as removing duplicates does.
    """
    readers = comma_lists.unique((*selection.readers, comma_lists.ANY))
    where, filters = _filters(selection)
    counts, parameters = [], []
    for number, name in enumerate(readers):
        before = readers[:number]
        seen = (
            " AND NOT EXISTS (SELECT 1 FROM job_access AS other WHERE other.job_id = one.job_id"
            f" AND other.role = 'read' AND other.name IN ({placeholders(before)}))"
        )
        counts.append(
            "(SELECT COUNT(*) FROM job_access AS one"
            f" WHERE role = 'read' AND name = %s{where}{seen if before else ''})"
        )
        parameters += [name, *filters, *before]
    row = transaction.row(f"SELECT {' + '.join(counts)} AS n", *parameters)
    return int(row["n"]) if row else 0


def select(transaction: Transaction, selection: Selection, start: int, limit: int) -> list[JobRow]:
    """Return a page of a selection, ordered by the last change of state, without inputs and outputs.

    An index has the jobs of each reader in this order; the first ones of each are merged. The rows are read
    by a second statement, which is cheaper than a join.
    """
    return _jobs(transaction, _page(transaction, selection, start, limit))


def _jobs(transaction: Transaction, job_ids: Sequence[int]) -> list[JobRow]:
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
    readers = comma_lists.unique((comma_lists.ANY, *selection.readers))
    where, filters = _filters(selection)
    relation, order = direction
    if cursor is not None:
        where += f" AND state_time_stamp {relation}= %s"
        where += f" AND (state_time_stamp {relation} %s OR job_id {relation} %s)"
        filters += [cursor.state_time_stamp, cursor.state_time_stamp, cursor.job_id]
    by_time = f"ORDER BY state_time_stamp {order}, job_id {order} LIMIT %s"
    one = (
        "SELECT * FROM (SELECT state_time_stamp, job_id FROM job_access"
        f" WHERE role = 'read' AND name = %s{where} {by_time}) AS reader{{}}"
    )
    merged = " UNION ".join(one.format(number) for number in range(len(readers)))
    parameters = [value for name in readers for value in (name, *filters, limit)]
    rows = transaction.rows(f"{merged} {by_time}", *parameters, limit)
    return _jobs(transaction, [row["job_id"] for row in rows])


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


def states_of(transaction: Transaction, role: str, name: str) -> dict[str, int]:
    """Return the number of jobs, by state, that a name owns (role "owner") or may read (role "read")."""
    rows = transaction.rows(
        "SELECT state, COUNT(*) AS n FROM job_access WHERE role = %s AND name = %s GROUP BY state", role, name
    )
    return {row["state"]: int(row["n"]) for row in rows}


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
    readers = comma_lists.unique((comma_lists.ANY, *selection.readers))
    where, parameters = _filters(selection)
    one = (
        "SELECT * FROM (SELECT state_time_stamp, job_id FROM job_access"
        f" WHERE role = 'read' AND name = %s{where} ORDER BY state_time_stamp, job_id LIMIT %s) AS reader{{}}"
    )
    merged = " UNION ".join(one.format(number) for number in range(len(readers)))
    rows = transaction.rows(
        f"{merged} ORDER BY state_time_stamp, job_id LIMIT %s OFFSET %s",
        *(value for name in readers for value in (name, *parameters, start + limit)),
        limit,
        start,
    )
    return [row["job_id"] for row in rows]


def _filters(selection: Selection) -> tuple[str, list[str | int]]:
    """Return the SQL conditions of the filters, and their parameters."""
    where = ""
    parameters: list[str | int] = []
    for column, value, negated in (
        ("state", selection.state, selection.not_state),
        ("application", selection.application, selection.not_application),
        ("ended", selection.ended, False),
    ):
        if value:
            where += f" AND {column} {'<>' if negated else '='} %s"
            parameters.append(value)
    return where, parameters
