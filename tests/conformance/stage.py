"""The steps that bring a server's project into the state in which a recorded exchange took place.

Numbers are the recorded ones: what a step makes gets the number it has in the record, so that a request
can be sent as it was. What an answer says of them must then be the same, see `answers`.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction
from lgi_server.storage.local import Repositories
from lgi_server.storage.repository import NewRepository
from lgi_server.tables import job_access
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow
from tests.conformance.callers import Callers
from tests.support.grid import PROJECT, Grid

CAPABILITIES = "<hello_world>  </hello_world> "
MARK, OWNERS = "admin, mark@laptop", "mark@laptop, theor"
# A long time ago, and when the records were made.
OLD, THEN = 1300000000, 1795225415


class Stage:
    """A grid, those who call it, and what the steps have made there."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.callers = Callers(grid.people.authority)
        self.store = Repositories(grid.config.repository, 2**20, 2**20)
        self.kept: defaultdict[str, set[str]] = defaultdict(set)
        self.afterwards: list[Step] = []

    def set(self, steps: "Iterable[Step]") -> None:
        """Take the steps in an empty project."""
        taken = tuple(steps)

        def work(transaction: Transaction) -> None:
            self.kept.clear()
            self.afterwards.clear()
            for step in taken:
                step(self, transaction)

        self.grid.database.run(work)

    def strike(self) -> None:
        """Undo what the next test could not bear."""
        steps, self.afterwards = self.afterwards, []
        for step in steps:
            self.grid.database.run(partial(step, self))


Step = Callable[[Stage, Transaction], object]


def statement(sql: str, *parameters: object, undo: str = "") -> Step:
    """Whatever SQL can do, and what undoes it after the exchange."""

    def step(stage: Stage, transaction: Transaction) -> None:
        transaction.run(sql, *parameters)
        if undo:
            stage.afterwards.append(statement(undo))

    return step


def no_new_sessions(stage: Stage, transaction: Transaction) -> None:
    """A database that refuses the INSERT of a session and nothing else, until the exchange is over."""
    embedded = stage.grid.config.projects[PROJECT].database.startswith("sqlite:")
    refusing = (
        "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        if embedded
        else "FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'"
    )
    transaction.run(f"CREATE TRIGGER refusing BEFORE INSERT ON running_sessions {refusing}")
    stage.afterwards.append(statement("DROP TRIGGER refusing"))


def resource(number: int, name: str, capabilities: str = CAPABILITIES, which: int = 0) -> Step:
    """A registered resource; ``which`` of the certificates of its name it is registered with."""
    return _registered(number, name, capabilities, name, 0, which)


def server(number: int, name: str, url: str = "", kind: int = 1) -> Step:
    """A project server: the master (1), or a slave (2). Without a URL it is the one that is asked."""
    return _registered(number, name, "", url, kind, 0)


def _registered(number: int, name: str, capabilities: str, url: str, kind: int, which: int) -> Step:
    def step(stage: Stage, transaction: Transaction) -> None:
        transaction.run(
            "DELETE FROM active_resources WHERE resource_id = %s OR resource_name = %s", number, name
        )
        transaction.run(
            "INSERT INTO active_resources (resource_id, resource_name, resource_capabilities,"
            " client_certificate, url, project_server) VALUES (%s, %s, %s, %s, %s, %s)",
            *(number, name, capabilities, stage.callers.of(name, which).pem, url or stage.grid.url, kind),
        )

    return step


def session(number: int, resource_number: int) -> Step:
    """A session of a resource."""

    def step(stage: Stage, transaction: Transaction) -> None:
        transaction.run(
            "INSERT INTO running_sessions (session_id, resource_id, session_time_stamp) VALUES (%s, %s, %s)",
            *(number, resource_number, int(time.time())),
        )
        stage.kept["session_id"].add(str(number))

    return step


def repository_name(number: int) -> str:
    """The name of a prepared job's repository."""
    return f"JOB_{number:032x}"


def job(
    number: int,
    state: str = "queued",
    application: str = "hello_world",
    owners: str = OWNERS,
    targets: str = "any",
    read: str = MARK,
    write: str = MARK,
    specifics: str = "",
    stamp: int = THEN,
    input: bytes = b"",
    output: bytes = b"",
    repository: str | None = None,
) -> Step:
    """A job; its repository has a name of ours unless one is given. An empty one means it has none."""
    place = repository_name(number) if repository is None else repository

    def step(stage: Stage, transaction: Transaction) -> None:
        split = (
            comma_lists.split(owners),
            comma_lists.split(read),
            comma_lists.split(write),
            comma_lists.split(targets),
        )
        made = JobRow(
            0,
            state,
            application,
            *split,
            specifics,
            0,
            stamp,
            place,
            input=input,
            output=output,
            daemon_pulse=stamp,
            priority=number,
        )
        transaction.run(
            "UPDATE job_queue SET job_id = %s WHERE job_id = %s", number, jobs.insert(transaction, made)
        )
        job_access.insert_all(transaction, [replace(made, job_id=number)])
        stage.kept["job_id"].add(str(number))
        stage.kept["state_time_stamp"].add(str(stamp))
        if place and repository is None:
            files(place, write)(stage, transaction)

    return step


def files(repository: str, writers: str | None, **contents: str) -> Step:
    """A repository, who may write to it (None: it does not say), and its files."""

    def step(stage: Stage, _transaction: Transaction) -> None:
        stage.store.remove(repository)
        stage.store.create(repository, NewRepository(comma_lists.split(writers or ""), ()))
        directory = stage.store.directory(repository)
        for name, text in contents.items():
            (directory / name).write_bytes(text.encode("latin-1"))
        if writers is None:
            (directory / ".LGI_repository_write_access").unlink()

    return step


def locked(job_number: int, session_number: int = 1, resource_number: int = 2, lock_state: int = 1) -> Step:
    """The lock on a job, which has the number 1 and was taken just now: an old one is not waited for."""

    def step(stage: Stage, transaction: Transaction) -> None:
        transaction.run("UPDATE job_queue SET lock_state = %s WHERE job_id = %s", lock_state, job_number)
        transaction.run(
            "INSERT INTO running_locks (lock_id, job_id, resource_id, lock_time, session_id)"
            " VALUES (1, %s, %s, %s, %s)",
            *(job_number, resource_number, int(time.time()), session_number),
        )
        stage.kept["lock_id"].add("1")

    return step


def rule(table: str, name: str, limit: int | None = None) -> Step:
    """A row of one of the four tables of rules, for any application."""
    kind = table.partition("s_")[0]
    if limit is None:
        return statement(f"INSERT INTO {table} ({kind}_name, application) VALUES (%s, 'any')", name)
    sql = f"INSERT INTO {table} ({kind}_name, application, job_limit) VALUES (%s, 'any', %s)"
    return statement(sql, name, limit)


def update(version: int, servers: str, query: str) -> Step:
    """A change that the servers of the project know."""
    sql = "INSERT INTO updates (version, servers, update_query) VALUES (%s, %s, %s)"
    return statement(sql, version, servers, query.encode())
