"""SQLite, the embedded database: one file, one writer at a time.

SQLite has no queue of writers: each tries again after a while, and who comes at the right moment is next. One
process could write a hundred times while another one waited. Here one writer waits for the file at a time,
and all others wait behind it, so that no process writes twice while another one waits. Those of one process
wait for each other before that (`group_commit`).
"""

import fcntl
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from lgi_server.db.errors import (
    AccessDeniedError,
    DatabaseUnavailableError,
    DiskFullError,
    RetryableError,
    StatementError,
    UniqueViolationError,
)
from lgi_server.db.transaction import Query, Row

# Seconds that a writer waits for other processes before its work is repeated.
WAIT = 2.0
# Seconds between two attempts of one, at first and at most.
SHORTEST, LONGEST = 0.0005, 0.002
_TAKEN = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}


# Also those that the database computes.
COLUMNS = (
    "SELECT made.name AS table_name, part.name AS column_name FROM sqlite_master AS made"
    " JOIN pragma_table_xinfo(made.name) AS part WHERE made.type = 'table'"
    " AND made.name <> 'sqlite_sequence'"
)


class SQLite:
    """A database file. A transaction that writes locks the whole file, so rows are not locked."""

    locks_rows = False
    columns = COLUMNS

    def __init__(self, path: Path) -> None:
        """Set the path; the file is created at the first connection."""
        self.path = path

    def connect(self) -> "SQLiteConnection":
        """Return a new connection to the file. Raises AccessDeniedError or other errors of `db.errors`."""
        self._make_private()
        try:
            # SQLite itself does not wait, since this would block the worker.
            raw = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=0)
            raw.row_factory = sqlite3.Row
            raw.execute("PRAGMA journal_mode = WAL")
            # FULL: a committed transaction is on disk, also after a power failure.
            raw.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error as error:
            raise _translated(error) from error
        # It is beside the file itself, not beside a link to it.
        return SQLiteConnection(raw, WriterTurn(Path(f"{os.path.realpath(self.path)}-wal")))

    def _make_private(self) -> None:
        """Create the file, readable by its owner only, since it has inputs and outputs of jobs."""
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return
        except OSError as error:
            raise AccessDeniedError(f"{self.path}: {error.strerror}") from error

    def schema(self, text: str) -> Iterable[str]:
        """Return the statements of the schema, as SQLite reads them."""
        return schema_statements(text)


class SQLiteConnection:
    """A connection that takes ``%s`` as placeholders and raises the errors of `db.errors`."""

    def __init__(self, raw: sqlite3.Connection, turn: "WriterTurn") -> None:
        self._raw = raw
        self._turn = turn

    def execute(self, sql: str, parameters: Sequence[Any]) -> sqlite3.Cursor:
        """Run a statement and return its cursor."""
        try:
            return self._raw.execute(sql.replace("%s", "?"), parameters)
        except sqlite3.Error as error:
            raise _translated(error) from error

    def execute_all(self, queries: Sequence[Query]) -> list[list[Row]]:
        """Run queries and return the rows of each."""
        return [self.execute(*query).fetchall() for query in queries]

    def defer(self, sql: str, parameters: Sequence[Any]) -> None:
        """Run a statement at once: there is no round trip to save."""
        try:
            self._raw.execute(sql.replace("%s", "?"), parameters)
        except sqlite3.Error as error:
            raise _translated(error) from error

    def begin(self, write: bool) -> None:
        """Begin a transaction; one that writes locks the file at once, so that it cannot fail later."""
        try:
            begun = self._turn.wait(self._has_locked, WAIT) if write else self._raw.execute("BEGIN")
        except sqlite3.Error as error:
            raise _translated(error) from error
        if not begun:
            raise RetryableError("another process writes")

    def _has_locked(self) -> bool:
        """Begin a transaction that writes; return False while another process does."""
        try:
            self._raw.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return False
        return True

    def commit(self) -> None:
        """Commit; on a full disk the transaction is rolled back, since its end is not written."""
        try:
            self._raw.execute("COMMIT")
        except sqlite3.Error as error:
            translated = _translated(error)
            if isinstance(translated, DiskFullError):
                self.rollback()
            raise translated from error

    def rollback(self) -> None:
        """Roll back."""
        if self._raw.in_transaction:
            self._raw.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        self._raw.close()


class WriterTurn:
    """The turn of the writers of one database; a program that writes without it only makes others wait."""

    def __init__(self, log: Path) -> None:
        """Set the write-ahead log, whose file is locked: SQLite does not do so, and removes it in the end."""
        self._log = log

    def wait(self, begin: Callable[[], bool], seconds: float) -> bool:
        """Call ``begin`` in turn until it returns True; return whether it did so within ``seconds``.

        It is called at least once, also if somebody keeps the turn for longer.
        """
        end = time.monotonic() + seconds
        descriptor = -1
        try:
            with suppress(OSError):
                # Each time anew: processes that were forked share the locks of open descriptors.
                descriptor = os.open(self._log, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            lock = partial(_lock, descriptor)
            lock() or _succeeds(lock, end)
            return begin() or _succeeds(begin, end)
        finally:
            if descriptor >= 0:
                with suppress(OSError):
                    # Not by closing alone, after which the lock stayed until the process slept.
                    fcntl.flock(descriptor, fcntl.LOCK_UN)
                os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Return whether this process has the turn now, or there are none: SQLite says what is wrong there."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (OSError, ValueError):
        return True
    return True


def _succeeds(attempt: Callable[[], bool], end: float) -> bool:
    """Return whether an attempt that has failed succeeds before ``end``; other greenlets run meanwhile."""
    pause = SHORTEST
    while time.monotonic() < end:
        time.sleep(pause)
        if attempt():
            return True
        pause = min(2 * pause, LONGEST)
    return False


def _translated(error: sqlite3.Error) -> Exception:
    """Return the error of `db.errors` for one of SQLite."""
    code = getattr(error, "sqlite_errorcode", 0)
    if isinstance(error, sqlite3.IntegrityError):
        return (UniqueViolationError if code in _TAKEN else StatementError)(str(error))
    if not isinstance(error, sqlite3.OperationalError):
        return StatementError(str(error))
    if code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return RetryableError(str(error))
    if code & 0xFF == sqlite3.SQLITE_CANTOPEN or "no such table" in str(error):
        return AccessDeniedError(str(error))
    if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE}:
        return DiskFullError(str(error))
    if code & 0xFF == sqlite3.SQLITE_IOERR:
        return DatabaseUnavailableError(str(error))
    return StatementError(str(error))


def schema_statements(text: str) -> Iterable[str]:
    """Return the statements of a schema, without the parts for MariaDB and with those for SQLite."""
    text = re.sub(r"/\*!.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"/\*~(.*?)\*/", r"\1", text, flags=re.DOTALL)
    return statements(text.replace("AUTO_INCREMENT", "AUTOINCREMENT"))


def statements(text: str) -> Iterable[str]:
    """Return the statements of a schema file, without comments."""
    text = re.sub(r"^\s*--.*$", "", text, flags=re.MULTILINE)
    return (part.strip() for part in re.split(r";\s*$", text, flags=re.MULTILINE) if part.strip())
