"""A project of LGI 1.31, read from a snapshot of its database, with all that cannot be read."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lgi_protocol import states
from lgi_server.db.snapshot import Snapshot
from lgi_server.services.project import update_parser
from lgi_server.services.takeover import old_rows
from lgi_server.services.takeover.old_rows import Row
from lgi_server.tables import lgi_tables, whole_tables
from lgi_server.tables.active_resources import NO_SERVER
from lgi_server.tables.job_queue.jobs import JobRow

# Problems that are named; there may be one for each job.
MOST_NAMED = 10


@dataclass
class OldProject:
    """What a project has: counts of jobs by state, the values of all other rows, and the problems.

    ``unread_updates`` are changes that servers of ours do not make when they are sent them.
    """

    jobs: Counter[str] = field(default_factory=Counter)
    repositories: list[str] = field(default_factory=list)
    resources: list[tuple[Any, ...]] = field(default_factory=list)
    rules: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    updates: list[tuple[Any, ...]] = field(default_factory=list)
    unread_updates: int = 0
    problems: list[str] = field(default_factory=list)
    unread_jobs: int = 0

    @property
    def servers(self) -> list[str]:
        """The names of its project servers."""
        return [row[1] for row in self.resources if row[5] != NO_SERVER]


def check_tables(snapshot: Snapshot) -> None:
    """Raise ValueError unless a database has the tables and columns of LGI's document."""
    found = {(str(table).lower(), str(column).lower()) for table, column in snapshot.rows(lgi_tables.COLUMNS)}
    missing = [
        f"{table}.{column}"
        for table, columns in lgi_tables.TABLES.items()
        for column in columns
        if (table, column) not in found
    ]
    if missing:
        shown = ", ".join(missing[:MOST_NAMED])
        raise ValueError(f"it is not the database of an LGI 1.31 project: it has no column {shown}")
    if ("schema_version", "version") in found or ("job_access", "role") in found:
        raise ValueError("it is a database of this program already: see LGI_setup upgrade and restore")


def rows_of(snapshot: Snapshot, table: str) -> Iterator[Row]:
    """Yield the rows of a table by column."""
    columns = lgi_tables.TABLES[table]
    for values in snapshot.rows(whole_tables.query(table, columns)):
        yield dict(zip(columns, values, strict=True))


def jobs_of(snapshot: Snapshot) -> Iterator[JobRow]:
    """Yield the jobs that can be read."""
    for row in rows_of(snapshot, "job_queue"):
        try:
            yield old_rows.job(row)
        except ValueError:
            continue


def read(snapshot: Snapshot) -> OldProject:
    """Return what a project has; ValueError for a database of anything else."""
    check_tables(snapshot)
    found = OldProject()
    for row in rows_of(snapshot, "job_queue"):
        try:
            job = old_rows.job(row)
        except ValueError as error:
            found.unread_jobs += 1
            found.problems.append(f"job {row['job_id']}: {error}")
        else:
            found.jobs[str(states.normalized(job.state))] += 1
            if job.repository:
                found.repositories.append(job.repository)
    found.resources = _read_all(snapshot, "active_resources", old_rows.resource, found, (1,))
    for table in lgi_tables.RULES:
        found.rules[table] = _read_all(snapshot, table, old_rows.rule, found, (0, 1))
    found.updates = _read_all(snapshot, "updates", old_rows.update, found, (0,))
    found.unread_updates = sum(not _is_known(row[2]) for row in found.updates)
    return found


def _read_all(
    snapshot: Snapshot,
    table: str,
    convert: Callable[[Row], tuple[Any, ...]],
    found: OldProject,
    key: tuple[int, ...],
) -> list[tuple[Any, ...]]:
    """Return the values of all rows of a table; two with the same key are a problem unless they are equal."""
    read: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for row in rows_of(snapshot, table):
        try:
            values = convert(row)
            name = tuple(values[at] for at in key)
            if read.setdefault(name, values) != values:
                raise ValueError(f"{', '.join(map(str, name))} is there twice, with different values")
        except ValueError as error:
            found.problems.append(f"{table}: {error}")
    return list(read.values())


def _is_known(query: bytes) -> bool:
    try:
        update_parser.parse(query.decode())
    except ValueError:
        return False
    return True
