"""Writers of SQLite that wait for each other share one transaction."""

import contextvars
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lgi_protocol.errors import LGIError
from lgi_server.db import group_commit
from lgi_server.db.errors import DatabaseUnavailableError, DiskFullError, RetryableError
from lgi_server.db.group_commit import GroupCommit
from lgi_server.db.pool import Database
from lgi_server.db.sqlite import SQLite, SQLiteConnection
from lgi_server.db.transaction import Transaction


class CountedSQLite(SQLite):
    """Counts commits; some fail with ``errors``, by their numbers."""

    def __init__(self, path: Path) -> None:
        """Nothing has been committed."""
        super().__init__(path)
        self.commits = 0
        self.errors: dict[int, Exception] = {}

    def connect(self) -> SQLiteConnection:
        """Open a connection."""
        made = super().connect()
        commit = made.commit

        def counted() -> None:
            self.commits += 1
            if self.commits in self.errors:
                made.rollback()
                raise self.errors[self.commits]
            commit()

        made.commit = counted  # type: ignore[method-assign]
        return made


@pytest.fixture
def dialect(tmp_path: Path) -> CountedSQLite:
    """The file of a database."""
    return CountedSQLite(tmp_path / "LGI.sqlite")


@pytest.fixture
def database(dialect: CountedSQLite) -> Database:
    """A database with an empty table."""
    made = Database(dialect)
    made.run(lambda transaction: transaction.run("CREATE TABLE stored (number INTEGER)"))
    dialect.commits = 0
    return made


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads of writers."""
    with ThreadPoolExecutor(8) as made:
        yield made


def stored(database: Database) -> list[int]:
    """The numbers in the table."""
    rows = database.run(lambda one: one.rows("SELECT number FROM stored ORDER BY number"), write=False)
    return [row["number"] for row in rows]


def add(number: int) -> Callable[[Transaction], int]:
    """Work that stores a number and returns it."""

    def work(transaction: Transaction) -> int:
        transaction.run("INSERT INTO stored VALUES (%s)", number)
        return number

    return work


def waiters(
    database: Database, pool: ThreadPoolExecutor, *works: Callable[[Transaction], Any]
) -> list[Future[Any]]:
    """Run works that all wait while another one stores 0; its future is the first."""
    begun, end = threading.Event(), threading.Event()

    def first(transaction: Transaction) -> int:
        begun.set()
        assert end.wait(60)
        return add(0)(transaction)

    found = [pool.submit(database.run, first)]
    assert begun.wait(60)
    for work in works:
        found.append(pool.submit(database.run, work))
        # One after the other, so that they wait in this order.
        time.sleep(0.05)
    end.set()
    return found


def test_writers_that_wait_share_one_commit(
    database: Database, dialect: CountedSQLite, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each gets the result of its own work, when all is on disk."""
    monkeypatch.setattr(group_commit, "LONGEST", 60.0)

    found = waiters(database, pool, *(add(number) for number in range(1, 6)))

    assert [one.result(60) for one in found] == [0, 1, 2, 3, 4, 5]
    assert dialect.commits == 1
    assert stored(database) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(("most", "longest"), [(1, 60.0), (16, 0.0)])
def test_a_transaction_takes_no_more_writers_than_it_may(
    database: Database,
    dialect: CountedSQLite,
    pool: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    longest: float,
) -> None:
    """Then it is committed, so that another process can write before the next one."""
    monkeypatch.setattr(group_commit, "MOST", most)
    monkeypatch.setattr(group_commit, "LONGEST", longest)

    found = waiters(database, pool, add(1), add(2), add(3))

    assert [one.result(60) for one in found] == [0, 1, 2, 3]
    # 0 with 1, and 2 with 3: each leader does the work of one other.
    assert dialect.commits == 2


def test_work_that_raises_is_undone_alone(database: Database, pool: ThreadPoolExecutor) -> None:
    """Its caller gets the error; outside the database its changes are undone once."""
    undone: list[int] = []

    def fails(transaction: Transaction) -> None:
        transaction.on_rollback(lambda: undone.append(7))
        add(7)(transaction)
        raise ValueError("seven")

    found = waiters(database, pool, add(1), fails, add(2))

    with pytest.raises(ValueError, match="seven"):
        found[2].result(60)
    assert [found[index].result(60) for index in (0, 1, 3)] == [0, 1, 2]
    assert stored(database) == [0, 1, 2]
    assert undone == [7]


def test_a_failed_commit_is_an_error_for_all_of_its_writers(
    database: Database, dialect: CountedSQLite, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is told that its work is stored, and all undo what they did outside the database."""
    monkeypatch.setattr(group_commit, "LONGEST", 60.0)
    dialect.errors[1] = DiskFullError("no space left")
    undone: list[int] = []

    def work(transaction: Transaction) -> None:
        transaction.on_rollback(lambda: undone.append(1))
        add(1)(transaction)

    found = waiters(database, pool, work, work)

    for one in found:
        with pytest.raises(LGIError):
            one.result(60)
    assert stored(database) == []
    assert undone == [1, 1]
    assert database.run(add(2)) == 2


def test_writers_begin_anew_when_their_transaction_is_lost_with_the_work_of_another(
    database: Database, pool: ThreadPoolExecutor
) -> None:
    """The work of each was good; only that of the other one has failed."""

    def loses(_transaction: Transaction) -> None:
        raise DatabaseUnavailableError("the file cannot be read")

    found = waiters(database, pool, add(1), loses, add(2))

    with pytest.raises(LGIError):
        found[2].result(60)
    assert [found[index].result(60) for index in (0, 1, 3)] == [0, 1, 2]
    assert stored(database) == [0, 1, 2]


def test_work_sees_the_context_of_its_own_request(database: Database, pool: ThreadPoolExecutor) -> None:
    """Also when the writer of another request does it."""
    caller = contextvars.ContextVar("caller", default="nobody")

    def asked(name: str) -> str:
        caller.set(name)
        return database.run(lambda _transaction: caller.get())

    first = waiters(database, pool)
    names = list(pool.map(asked, ["mark", "eve", "anna", "tom"]))

    assert names == ["mark", "eve", "anna", "tom"]
    assert [one.result(60) for one in first] == [0]


def test_writers_begin_anew_when_sqlite_has_rolled_back_with_the_work_of_another(
    database: Database, pool: ThreadPoolExecutor
) -> None:
    """As it may on a full disk: the savepoints are gone with the transaction."""

    def fills(transaction: Transaction) -> None:
        transaction.run("ROLLBACK")
        raise DiskFullError("no space left")

    found = waiters(database, pool, add(1), fills, add(2))

    with pytest.raises(LGIError):
        found[2].result(60)
    assert [found[index].result(60) for index in (0, 1, 3)] == [0, 1, 2]
    assert stored(database) == [0, 1, 2]


def test_a_writer_that_has_waited_too_long_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, and its work is not done later; who waits gets the turn that nobody has."""
    monkeypatch.setattr(group_commit, "WAIT", 0.1)
    group, works = GroupCommit(lambda _transaction: None), list[str]()
    group.turn.acquire()

    with pytest.raises(RetryableError):
        group.wait(lambda _transaction: works.append("late"))
    group.turn.release()

    assert group.wait(lambda _transaction: works.append("leads")) is None
    assert group.turn.locked()
    assert (works, list(group.waiting)) == ([], [])


def test_many_writers_store_each_work_once(database: Database, dialect: CountedSQLite) -> None:
    """With errors of works and of commits among them: what is stored is what their callers were told."""

    def write(number: int) -> int | None:
        chance = random.Random(number)  # noqa: S311 - the same in each run

        def work(transaction: Transaction) -> int:
            add(number)(transaction)
            if chance.random() < 0.1:
                raise ValueError("not this one")
            return number

        try:
            return database.run(work)
        except ValueError:
            return None

    dialect.errors |= dict.fromkeys(range(5, 400, 20), RetryableError("busy"))
    with ThreadPoolExecutor(16) as writers:
        told = sorted(number for number in writers.map(write, range(800)) if number is not None)

    assert stored(database) == told
    assert len(told) > 600
    assert dialect.commits < 800


KILLS = """
import gevent.monkey; gevent.monkey.patch_all()
import gevent, sys
from pathlib import Path
from lgi_server.db import group_commit
from lgi_server.db.pool import Database
from lgi_server.db.sqlite import SQLite

group_commit.LONGEST = 60.0
database = Database(SQLite(Path(sys.argv[1])))
database.run(lambda one: one.run("CREATE TABLE stored (number INTEGER)"))
finished = []

def work(number, seconds):
    def do(transaction):
        transaction.on_commit(lambda: finished.append(number))
        transaction.run("INSERT INTO stored VALUES (%s)", number)
        gevent.sleep(seconds)
    return do

calls = [gevent.spawn(database.run, work(number, 0.2)) for number in range(4)]
gevent.sleep(float(sys.argv[3]))
calls[int(sys.argv[2])].kill()
gevent.joinall(calls)
database.run(work(9, 0))
rows = database.run(lambda one: one.rows("SELECT number FROM stored ORDER BY number"), write=False)
print(*(row["number"] for row in rows), "|", *sorted(finished))
"""


@pytest.mark.parametrize(
    ("killed", "after", "left"),
    [
        # While it does its own work, or that of another one with it, and while it waits: it is not stored.
        (0, 0.1, "1 2 3 9"),
        (0, 0.3, "1 2 3 9"),
        (2, 0.1, "0 1 3 9"),
        # While another one does its work: that is stored, and what is due after the commit is done.
        (2, 0.5, "0 1 2 3 9"),
    ],
)
def test_a_killed_writer_leaves_the_others_their_transaction(
    tmp_path: Path, killed: int, after: float, left: str
) -> None:
    """As the greenlet of a worker that ends: nothing waits for it, and nothing is lost or done twice."""

    done = subprocess.run(
        [sys.executable, "-c", KILLS, str(tmp_path / "LGI.sqlite"), str(killed), str(after)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stdout == f"{left} | {left}\n"
