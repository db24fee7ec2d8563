"""An old project, stored in the database of a new one of ours, in one transaction."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

from lgi_server.config.sections import ProjectConfig
from lgi_server.db.pool import Database
from lgi_server.db.snapshot import Snapshot
from lgi_server.db.transaction import Transaction
from lgi_server.services.takeover import old_project
from lgi_server.services.takeover.old_project import OldProject
from lgi_server.tables import active_resources, event_queue, job_access, lgi_tables, mutexes, whole_tables
from lgi_server.tables.active_resources import NO_SERVER
from lgi_server.tables.job_queue import heartbeats, jobs

_AT_ONCE = 200
_NUMBERED = ("job_queue", "active_resources", "updates", "running_sessions")
# What LGI_setup has made.
_REPLACED = ("active_resources", "updates", "update_undo", *lgi_tables.RULES)
# Its rows are of jobs, whose numbers would be those of other jobs.
_EMPTY = ("job_queue", "job_history", "job_runs")


def check_target(transaction: Transaction, project: str) -> None:
    """Raise ValueError unless the new project is as LGI_setup has made it."""
    everyone = active_resources.everyone(transaction)
    if not whole_tables.are_empty(transaction, _EMPTY) or any(
        one.project_server == NO_SERVER for one in everyone
    ):
        raise ValueError(f"project {project} has jobs or resources of its own: make a new one with LGI_setup")


def check_server(found: OldProject, server_name: str) -> None:
    """Raise ValueError unless this server has the name of one of the old project's servers."""
    if found.servers and server_name not in found.servers:
        names = ", ".join(found.servers)
        raise ValueError(
            f"{server_name} is no project server there, but {names}: make the new server with --server-name"
        )


def store(
    database: Database, snapshot: Snapshot, found: OldProject, project: ProjectConfig, now: int
) -> None:
    """Store everything that can be read, and number new rows after the old ones.

    Raises LGIError for the database, ValueError when the old one has changed since it was read.
    """
    for table in _NUMBERED:
        last = snapshot.last_number(table)
        database.run(partial(whole_tables.number_from, table=table, number=last))

    def work(transaction: Transaction) -> None:
        # Of two takeovers at once the second finds what the first has stored.
        mutexes.acquire(transaction, "updates", "SELECT 1")
        check_target(transaction, project.name)
        server_name = project.server_name
        own = active_resources.named(transaction, server_name)
        for table in _REPLACED:
            whole_tables.clear(transaction, table)
        kept = _with_own(found.resources, server_name, own)
        _insert(transaction, "active_resources", kept)
        for table, rows in found.rules.items():
            _insert(transaction, table, rows)
        _insert(transaction, "updates", found.updates)
        number = sum(_store_jobs(transaction, some, now) for some in _groups(snapshot))
        if number != found.jobs.total():
            raise ValueError("the old database has changed since it was read: stop its web server first")
        event_queue.insert(transaction, event_queue.SCHEDULE_CYCLE, now)

    database.run(work)


def _insert(transaction: Transaction, table: str, rows: list[tuple[Any, ...]]) -> None:
    whole_tables.insert(transaction, table, lgi_tables.TABLES[table], rows)


def _with_own(
    rows: list[tuple[Any, ...]], server_name: str, own: active_resources.ResourceRow | None
) -> list[tuple[Any, ...]]:
    """Return the resources, with the certificate and address that this server has now."""
    if own is None:
        return rows
    others = [row for row in rows if row[1] != server_name]
    role = next((row[5] for row in rows if row[1] == server_name), own.project_server)
    number = next((row[0] for row in rows if row[1] == server_name), None)
    if number is None:
        number = max((row[0] for row in rows), default=0) + 1
    mine = (number, server_name, own.resource_capabilities, own.client_certificate, 0, role, own.url)
    return [*others, mine]


def _groups(snapshot: Snapshot) -> Iterator[list[jobs.JobRow]]:
    left = old_project.jobs_of(snapshot)
    while some := list(islice(left, _AT_ONCE)):
        yield some


def _store_jobs(transaction: Transaction, some: list[jobs.JobRow], now: int) -> int:
    """Store jobs under their numbers; those that run get the whole time of their application."""
    jobs.insert_numbered(transaction, some)
    job_access.insert_all(transaction, some)
    heartbeats.store(transaction, [job.job_id for job in some], now)
    return len(some)
