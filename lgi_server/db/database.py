"""Connections, transactions and the few differences between MariaDB and the embedded SQLite.

All SQL is written with ``%s`` for its parameters and stands in `lgi_server.tables`. A piece of work is a
function of a `Transaction`; it is rolled back when it raises and run again when the database asks for that.
"""

import logging
import queue
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.deferred_writes import DeferredWrites, Statement

log = logging.getLogger("lgi.database")
Row = Mapping[str, Any]
Result = TypeVar("Result")
TRIES_SECONDS = 10.0
POOL_SIZE = 8


class RetryableError(Exception):
    """Nothing was done and the same work may be tried again: a deadlock, a lock or a lost connection."""


class StaleConnectionError(RetryableError):
    """A kept connection was closed behind our back, or takes no changes any more; nothing was done on it."""


class DatabaseUnavailableError(Exception):
    """The database cannot be reached now."""


class DiskFullError(Exception):
    """There is no room for what was to be stored; nothing was done."""


class AccessDeniedError(Exception):
    """The database is there, but not for us: wrong password, no such database."""


class StatementError(Exception):
    """A statement that the database does not take: a fault of ours, or of the tables."""


class UniqueViolationError(StatementError):
    """Somebody else has just stored a row under the same unique key."""


class Connection(Protocol):
    """What the two kinds of database offer a transaction."""

    def execute(self, sql: str, parameters: Sequence[Any]) -> Any:
        """A cursor with rows as mappings."""

    def defer(self, sql: str, parameters: Sequence[Any]) -> None:
        """Have a statement run before the next one, or before the commit; nobody asks for its result."""

    def begin(self, write: bool) -> None:
        """Start a transaction. One that only reads may see each of its statements' own moment."""

    def commit(self) -> None:
        """Make it last."""

    def rollback(self) -> None:
        """Forget it."""

    def close(self) -> None:
        """Give the connection back to the system."""


class Dialect(Protocol):
    """One kind of database."""

    locks_rows: bool

    def connect(self) -> Connection:
        """A new connection. Raises Away or Refused."""

    def schema(self, text: str) -> Iterable[str]:
        """The statements of the schema file, as this database reads them."""


class Transaction:
    """The statements of one piece of work. ``for_update`` is empty where the whole database is locked."""

    def __init__(self, connection: Connection, locks_rows: bool) -> None:
        self._connection = connection
        self._undo: list[Callable[[], object]] = []
        self._after: list[Callable[[], object]] = []
        self.soon_wanted: list[Statement] = []
        self.for_update = " FOR UPDATE" if locks_rows else ""
        self.skip_locked = " FOR UPDATE SKIP LOCKED" if locks_rows else ""

    def rows(self, sql: str, *parameters: Any) -> list[Row]:
        """All rows of a query."""
        return list(self._connection.execute(sql, parameters).fetchall())

    def row(self, sql: str, *parameters: Any) -> Row | None:
        """The first row of a query, if there is one."""
        row: Row | None = self._connection.execute(sql, parameters).fetchone()
        return row

    def run(self, sql: str, *parameters: Any) -> int:
        """How many rows a statement has changed."""
        return int(self._connection.execute(sql, parameters).rowcount)

    def later(self, sql: str, *parameters: Any) -> None:
        """Run a statement whose result nobody needs: it travels with the next one, or with the commit.

        Statements keep their order. What one of them violates is found no later than by the commit, which
        then does not happen.
        """
        self._connection.defer(sql, parameters)

    def soon(self, sql: str, *parameters: Any) -> None:
        """Run a statement within a second after this transaction has lasted, once for all that ask for it.

        For what many would write at once, each waiting for the other's commit. A process that is killed
        meanwhile takes it along.
        """
        self.soon_wanted.append((sql, parameters))

    def insert(self, sql: str, *parameters: Any) -> int:
        """The number the database gave to an inserted row."""
        return int(self._connection.execute(sql, parameters).lastrowid)

    def undo(self, step: Callable[[], object]) -> None:
        """Have something outside the database taken back if this transaction does not last."""
        self._undo.append(step)

    def afterwards(self, step: Callable[[], object]) -> None:
        """Have something done once this transaction has lasted, never before and never without."""
        self._after.append(step)

    def failed(self) -> None:
        """Nothing was stored: take back what was done outside, the last first."""
        for step in reversed(self._undo):
            step()

    def lasted(self) -> None:
        """Everything is stored: do what waited for that."""
        for step in self._after:
            step()


def cause_text(error: BaseException) -> str:
    """What the database itself said, for an administrator: never for an answer of the server."""
    cause = error.__cause__
    return (
        f" ({cause})"
        if isinstance(
            cause,
            RetryableError | DatabaseUnavailableError | DiskFullError | AccessDeniedError | StatementError,
        )
        else ""
    )


def placeholders(values: Sequence[Any]) -> str:
    """The placeholders for an ``IN (...)`` of so many values."""
    return ", ".join(["%s"] * len(values))


class Database:
    """One project's database: a bounded pool of kept connections and the way to run work in it."""

    def __init__(self, dialect: Dialect, size: int = POOL_SIZE) -> None:
        """Nothing is connected before it is needed."""
        self._dialect = dialect
        self._idle: queue.LifoQueue[Connection | None] = queue.LifoQueue()
        for _ in range(size):
            self._idle.put(None)
        self._soon = DeferredWrites(self._run_all)

    def run(self, work: Callable[[Transaction], Result], write: bool = True) -> Result:
        """The result of a piece of work, committed.

        Raises LGIError BACK_OFF when the database is away or stays busy (then nothing was done) and
        LGIError DATABASE when it refuses us or was lost while committing (then nobody knows).
        """
        end = time.monotonic() + TRIES_SECONDS
        beaten = False
        while True:
            try:
                return self._once(work, write)
            except UniqueViolationError as taken:
                if beaten:
                    log.exception("a unique key is taken")
                    raise LGIError(ErrorNumber.DATABASE) from taken
                # Another one was faster. Whoever looks once more sees what it has stored.
                beaten = True
            except RetryableError as busy:
                if time.monotonic() > end:
                    raise LGIError(ErrorNumber.BACK_OFF) from busy
                time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - so that rivals do not meet again
            except DatabaseUnavailableError as away:
                log.error("the database is away: %s", away)
                raise LGIError(ErrorNumber.BACK_OFF) from away
            except DiskFullError as full:
                log.error("the database has no room: %s", full)
                raise LGIError(ErrorNumber.BACK_OFF) from full
            except StatementError as failed:
                log.exception("the database does not take a statement")
                raise LGIError(ErrorNumber.DATABASE) from failed
            except AccessDeniedError as refused:
                log.error("the database refuses us: %s", refused)
                raise LGIError(ErrorNumber.DATABASE) from refused

    def _once(self, work: Callable[[Transaction], Result], write: bool) -> Result:
        try:
            connection = self._idle.get(timeout=TRIES_SECONDS)
        except queue.Empty:
            raise LGIError(ErrorNumber.BACK_OFF, "too many requests at once") from None
        healthy = False
        try:
            connection = connection or self._dialect.connect()
            connection.begin(write)
            transaction = Transaction(connection, self._dialect.locks_rows)
            try:
                result = work(transaction)
            except BaseException as error:
                connection.rollback()
                transaction.failed()
                healthy = not isinstance(error, StaleConnectionError | DatabaseUnavailableError)
                raise
            self._commit(connection, transaction)
            healthy = True
        finally:
            if connection is not None and not healthy:
                connection.close()
            self._idle.put(connection if healthy else None)
        if transaction.soon_wanted:
            self._soon.add(transaction.soon_wanted)
        transaction.lasted()
        return result

    def _run_all(self, statements: Sequence[Statement]) -> None:
        def work(transaction: Transaction) -> None:
            for sql, parameters in statements:
                transaction.later(sql, *parameters)

        self.run(work)

    @staticmethod
    def _commit(connection: Connection, transaction: Transaction) -> None:
        """A commit whose answer is lost may have happened: that must not be tried again by itself.

        One that was refused, or a statement that travelled with it, has left nothing.
        """
        try:
            connection.commit()
        except (RetryableError, StatementError, DiskFullError):
            transaction.failed()
            raise
        except (DatabaseUnavailableError, AccessDeniedError) as error:
            log.error("lost the database while committing: %s", error)
            raise LGIError(ErrorNumber.DATABASE) from error

    def create(self, schema: str) -> None:
        """Make the tables in an empty database."""
        statements = tuple(self._dialect.schema(schema))

        def make(transaction: Transaction) -> None:
            for statement in statements:
                transaction.run(statement)

        self.run(make)

    def close(self) -> None:
        """Run what was to be run soon, and close the connections nobody uses."""
        self._soon.run()
        for _ in range(self._idle.qsize()):
            connection = self._idle.get()
            if connection is not None:
                connection.close()
            self._idle.put(None)
