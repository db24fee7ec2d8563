"""Lists of jobs that somebody may read: pages, counts, filters."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction, placeholders
from lgi_server.tables.job_queue.jobs import AT_ONCE, SHORT, JobRow, job_in


@dataclass(frozen=True)
class Selection:
    """Which jobs a list is of. ``not_state`` and ``not_application`` turn the filters round.

    ``ended`` is a word of `Result`: jobs that have ended so.
    """

    readers: tuple[str, ...]
    state: str = ""
    not_state: bool = False
    application: str = ""
    not_application: bool = False
    ended: str = ""


def count(transaction: Transaction, selection: Selection) -> int:
    """Return how many jobs a selection has.

    Each reader's jobs are counted where they lie together, without those that a reader before may read too:
    that costs half of what making the numbers of all of them unique does.
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
    """Return a page of a selection, without inputs and outputs, by the time of the last change of state.

    Each reader's jobs lie in that order in an index; the first ones of each are merged. The jobs are read
    once their numbers are known: joined to that in one statement they cost more than by a second one.
    """
    return _jobs(transaction, _page(transaction, selection, start, limit))


def _jobs(transaction: Transaction, job_ids: Sequence[int]) -> list[JobRow]:
    """Return the jobs of some numbers, in their order, without inputs and outputs."""
    if not job_ids:
        return []
    rows = transaction.rows(
        f"SELECT {SHORT} FROM job_queue WHERE job_id IN ({placeholders(job_ids)})", *job_ids
    )
    found = {row["job_id"]: job_in(row) for row in rows}
    return [found[job_id] for job_id in job_ids if job_id in found]


@dataclass(frozen=True)
class ListCursor:
    """Where a job stands in a list by time: behind all that were changed before it."""

    state_time_stamp: int
    job_id: int


def newest(
    transaction: Transaction, selection: Selection, limit: int, before: ListCursor | None
) -> list[JobRow]:
    """Return the newest jobs of a selection, without inputs and outputs, that stand before a place.

    The newest job comes first.
    """
    return _from(transaction, selection, limit, ("<", "DESC"), before)


def next_newer(transaction: Transaction, selection: Selection, limit: int, after: ListCursor) -> list[JobRow]:
    """Return the jobs of a selection that stand next behind a place, newest first."""
    return _from(transaction, selection, limit, (">", "ASC"), after)[::-1]


def _from(
    transaction: Transaction,
    selection: Selection,
    limit: int,
    direction: tuple[str, str],
    place: ListCursor | None,
) -> list[JobRow]:
    """So many jobs in one direction from a place; however far down it is, nothing before it is read."""
    readers = comma_lists.unique((comma_lists.ANY, *selection.readers))
    where, filters = _filters(selection)
    relation, order = direction
    if place is not None:
        where += f" AND state_time_stamp {relation}= %s"
        where += f" AND (state_time_stamp {relation} %s OR job_id {relation} %s)"
        filters += [place.state_time_stamp, place.state_time_stamp, place.job_id]
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
    """Return the jobs whose state has changed since a moment, the last ones, and who may read each."""
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
    """Return how many jobs somebody owns (``role`` is "owner"), or may read by name ("read").

    The result has a count for each state.
    """
    rows = transaction.rows(
        "SELECT state, COUNT(*) AS n FROM job_access WHERE role = %s AND name = %s GROUP BY state", role, name
    )
    return {row["state"]: int(row["n"]) for row in rows}


def running_at(transaction: Transaction, applications: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return how many jobs of each of some applications run, by the resource that has them."""
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
    """Return the numbers of a page's jobs, in its order."""
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
    """Return the conditions beside the readers' names, and their parameters."""
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
