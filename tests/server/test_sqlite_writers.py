"""Writers of SQLite, of which the file takes one at a time."""

import threading
from pathlib import Path

import pytest

from lgi_protocol.errors import LGIError
from lgi_server.db import sqlite
from lgi_server.db.pool import Database
from lgi_server.db.sqlite import SQLite, SQLiteConnection
from lgi_server.db.transaction import Transaction


class CountedSQLite(SQLite):
    """Counts the connections that are opened."""

    opened = 0

    def connect(self) -> SQLiteConnection:
        """Open a connection."""
        self.opened += 1
        return super().connect()


class ReadOnlySQLite(CountedSQLite):
    """Opens the first connection for reading alone, as while the file may not be written to."""

    def connect(self) -> SQLiteConnection:
        """Open a connection."""
        made = super().connect()
        if self.opened == 1:
            made.execute("PRAGMA query_only = ON", ())
        return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a database."""
    return tmp_path / "LGI.sqlite"


def add(transaction: Transaction) -> None:
    """Store a row."""
    transaction.run("CREATE TABLE IF NOT EXISTS stored (number INTEGER)")
    transaction.run("INSERT INTO stored VALUES (1)")


def test_a_writer_of_the_same_process_waits_until_the_other_has_ended(path: Path) -> None:
    """SQLite itself gives up after milliseconds, in which the whole worker stands still."""
    # given a connection that writes
    dialect = SQLite(path)
    first, second = dialect.connect(), dialect.connect()
    first.begin(write=True)

    # when another one begins to write
    waiting = threading.Thread(target=second.begin, args=(True,))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()

    # then it does so when the first has committed
    first.commit()
    waiting.join(60)
    second.execute("CREATE TABLE stored (number INTEGER)", ())
    second.commit()
    second.close()
    first.close()


@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
def test_a_writer_leaves_its_place_however_it_ends(path: Path, end: str) -> None:
    """Also one whose connection is closed because it is lost."""
    # given a connection that writes
    dialect = SQLite(path)
    first, second = dialect.connect(), dialect.connect()
    first.begin(write=True)

    # when it ends
    getattr(first, end)()

    # then another one writes
    second.begin(write=True)
    second.rollback()


def test_a_reader_waits_for_no_writer(path: Path) -> None:
    """Lists are read while a job is stored."""
    # given a connection that writes
    dialect = SQLite(path)
    first, second = dialect.connect(), dialect.connect()
    first.begin(write=True)

    # then another one reads, and its end gives nobody else the place of the writer
    second.begin(write=False)
    second.commit()
    third = dialect.connect()
    waiting = threading.Thread(target=third.begin, args=(True,))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    first.rollback()
    waiting.join(60)
    third.rollback()


def test_a_connection_outlives_a_file_that_another_process_writes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new connection reads all tables and prepares all statements again."""
    monkeypatch.setattr(sqlite, "WAIT", 60.0)
    # given a database that another process writes for a moment, as another dialect does
    dialect = CountedSQLite(path)
    database = Database(dialect, size=1)
    database.run(add)
    other = SQLite(path).connect()
    other.begin(write=True)

    # when a transaction has to wait for that
    thread = threading.Thread(target=database.run, args=(add,))
    thread.start()
    thread.join(0.2)
    other.rollback()
    thread.join(60)

    # then it is done with the connection that there was
    rows = database.run(lambda transaction: transaction.rows("SELECT number FROM stored"), write=False)
    assert len(rows) == 2
    assert dialect.opened == 1


def test_a_connection_that_cannot_write_is_not_kept(path: Path) -> None:
    """When the file may be written to again, the server goes on without a restart."""
    # given a database that is opened for reading alone
    dialect = ReadOnlySQLite(path)
    database = Database(dialect, size=1)
    with pytest.raises(LGIError):
        database.run(add)

    # when it is written to later, then that is done with another connection
    database.run(add)
    assert dialect.opened == 2


def test_writers_that_wait_leave_a_connection_to_readers(path: Path) -> None:
    """Lists and long polls are answered while others submit jobs and one of these takes long."""
    # given as many writers as connections, which all wait for another one
    dialect = SQLite(path)
    database = Database(dialect, size=2)
    database.run(add)
    other = dialect.connect()
    other.begin(write=True)
    writers = [threading.Thread(target=database.run, args=(add,)) for _ in range(3)]
    for writer in writers:
        writer.start()
    writers[0].join(0.2)

    # when somebody reads, then this has an answer
    rows = database.run(lambda transaction: transaction.rows("SELECT number FROM stored"), write=False)
    assert len(rows) == 1

    # and the writers have their turns
    other.rollback()
    for writer in writers:
        writer.join(60)
    rows = database.run(lambda transaction: transaction.rows("SELECT number FROM stored"), write=False)
    assert len(rows) == 4
