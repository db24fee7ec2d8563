"""The turns of the writers of an SQLite file."""

import fcntl
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from lgi_server.db import open_database, sqlite
from lgi_server.db.pool import Database
from lgi_server.db.sqlite import SQLite, WriterTurn
from lgi_server.db.transaction import Transaction
from tests.support.grid import wait_for


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[list[Database]]:
    """The database as two programs have it, with a table for the order in which they write."""
    made = [open_database(f"sqlite:{tmp_path / 'LGI.sqlite'}") for _program in range(2)]
    made[0].run(lambda one: one.run("CREATE TABLE turns (number INTEGER PRIMARY KEY, who TEXT)"))
    yield made
    for one in made:
        one.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The write-ahead log that SQLite keeps beside the database."""
    return tmp_path / "LGI.sqlite-wal"


@contextmanager
def turn_of_another(log: Path) -> Iterator[None]:
    """Have the turn, as another program would."""
    descriptor = os.open(log, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_taken(log: Path) -> bool:
    """Whether a writer has the turn and waits for the file."""
    descriptor = os.open(log, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def write(database: Database, who: str) -> None:
    """Store who has written."""
    database.run(lambda one: one.run("INSERT INTO turns (who) VALUES (%s)", who))


def test_a_program_that_waits_writes_before_the_next_work_of_another(
    programs: list[Database], log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However fast the other one comes again: two that write all the time get equal turns."""
    # A commit on a busy disk may take longer than a writer waits.
    monkeypatch.setattr(sqlite, "WAIT", 60.0)
    first, second = programs

    def until_the_other_waits(transaction: Transaction) -> None:
        nonlocal waiting
        transaction.run("INSERT INTO turns (who) VALUES ('first')")
        waiting = pool.submit(write, second, "second")
        wait_for(lambda: is_taken(log))

    with ThreadPoolExecutor(1) as pool:
        for _turn in range(3):
            waiting = None
            first.run(until_the_other_waits)
            write(first, "first again")
            assert waiting is not None
            waiting.result(60)

    rows = first.run(lambda one: one.rows("SELECT who FROM turns ORDER BY number"), write=False)
    assert [row["who"] for row in rows] == ["first", "second", "first again"] * 3


def test_a_turn_that_another_program_keeps_stops_no_writer(programs: list[Database], log: Path) -> None:
    """One that was stopped there may have it for days."""
    with turn_of_another(log):
        write(programs[0], "first")

    rows = programs[0].run(lambda one: one.rows("SELECT who FROM turns"), write=False)
    assert [row["who"] for row in rows] == ["first"]


def test_a_missing_log_keeps_no_writer_waiting(tmp_path: Path) -> None:
    """SQLite makes it with the first transaction."""
    assert WriterTurn(tmp_path / "none").wait(lambda: True, 1)


@pytest.mark.parametrize("name", ["LGI.sqlite", "link.sqlite"])
def test_the_turn_is_that_of_one_database_alone(
    programs: list[Database], tmp_path: Path, log: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of others in its directory, whose writers would wait too; and also of one opened by a link."""
    monkeypatch.setattr(sqlite, "WAIT", 60.0)
    # given another database beside it
    (tmp_path / "link.sqlite").symlink_to(tmp_path / "LGI.sqlite")
    beside = SQLite(tmp_path / "beside.sqlite").connect()
    beside.execute("CREATE TABLE turns (number INTEGER)", ())
    program = open_database(f"sqlite:{tmp_path / name}")

    def until_the_other_waits(transaction: Transaction) -> None:
        nonlocal waiting
        transaction.run("INSERT INTO turns (who) VALUES ('first')")
        waiting = pool.submit(write, program, "second")
        # when a writer waits for a transaction of another program
        wait_for(lambda: is_taken(log))
        # then neither the other database nor their directory is taken
        free.append(not is_taken(tmp_path / "beside.sqlite-wal") and not is_taken(tmp_path))

    free = list[bool]()
    with ThreadPoolExecutor(1) as pool:
        waiting = None
        programs[0].run(until_the_other_waits)
        assert waiting is not None
        waiting.result(60)
    assert free == [True]
    program.close()
    beside.close()


@pytest.mark.usefixtures("programs")
def test_the_turn_cannot_be_taken_by_other_accounts(log: Path) -> None:
    """One that may read the directory could make each writer wait for seconds."""
    assert log.stat().st_mode & 0o077 == 0
