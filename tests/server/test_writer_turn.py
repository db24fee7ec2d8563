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
from lgi_server.db.sqlite import WriterTurn
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


@contextmanager
def turn_of_another(directory: Path) -> Iterator[None]:
    """Have the turn, as another program would."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_taken(directory: Path) -> bool:
    """Whether a writer has the turn and waits for the file."""
    descriptor = os.open(directory, os.O_RDONLY)
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
    programs: list[Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However fast the other one comes again: two that write all the time get equal turns."""
    # A commit on a busy disk may take longer than a writer waits.
    monkeypatch.setattr(sqlite, "WAIT", 60.0)
    first, second = programs

    def until_the_other_waits(transaction: Transaction) -> None:
        nonlocal waiting
        transaction.run("INSERT INTO turns (who) VALUES ('first')")
        waiting = pool.submit(write, second, "second")
        wait_for(lambda: is_taken(tmp_path))

    with ThreadPoolExecutor(1) as pool:
        for _turn in range(3):
            waiting = None
            first.run(until_the_other_waits)
            write(first, "first again")
            assert waiting is not None
            waiting.result(60)

    rows = first.run(lambda one: one.rows("SELECT who FROM turns ORDER BY number"), write=False)
    assert [row["who"] for row in rows] == ["first", "second", "first again"] * 3


def test_a_turn_that_another_program_keeps_stops_no_writer(programs: list[Database], tmp_path: Path) -> None:
    """One that was stopped there may have it for days."""
    with turn_of_another(tmp_path):
        write(programs[0], "first")

    rows = programs[0].run(lambda one: one.rows("SELECT who FROM turns"), write=False)
    assert [row["who"] for row in rows] == ["first"]


def test_a_missing_directory_keeps_no_writer_waiting(tmp_path: Path) -> None:
    """SQLite says what is wrong with it."""
    assert WriterTurn(tmp_path / "none").wait(lambda: True, 1)
