"""A project's database: a bounded pool of kept connections, and how work is run in a transaction.

A piece of work is a function of a `Transaction`; it is rolled back when it raises and run again when the
database asks for that.
"""

import logging
import queue
import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.deferred_writes import DeferredWrites, Statement
from lgi_server.db.errors import (
    AccessDeniedError,
    DatabaseUnavailableError,
    DiskFullError,
    RetryableError,
    StaleConnectionError,
    StatementError,
    UniqueViolationError,
)
from lgi_server.db.transaction import Connection, Dialect, Transaction

log = logging.getLogger("lgi.database")
Result = TypeVar("Result")
TRIES_SECONDS = 10.0
POOL_SIZE = 8


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
        """Return the result of a piece of work, committed.

        Raises LGIError BACK_OFF when the database is away or stays busy (then nothing was done) and
        Raises LGIError DATABASE when it refuses us or was lost while committing (then nobody knows).
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
                transaction.rolled_back()
                healthy = not isinstance(error, StaleConnectionError | DatabaseUnavailableError)
                raise
            self._commit(connection, transaction)
            healthy = True
        finally:
            if connection is not None and not healthy:
                connection.close()
            self._idle.put(connection if healthy else None)
        for statement in transaction.deferred:
            self._soon.add(statement, None)
        transaction.committed()
        return result

    def _run_all(self, statements: Sequence[Statement]) -> None:
        def work(transaction: Transaction) -> None:
            for sql, parameters in statements:
                transaction.execute_pipelined(sql, *parameters)

        self.run(work)

    @staticmethod
    def _commit(connection: Connection, transaction: Transaction) -> None:
        """Commit. When its answer is lost it may have happened, so it is not tried again.

        One that was refused, or a statement that travelled with it, has left nothing.
        """
        try:
            connection.commit()
        except (RetryableError, StatementError, DiskFullError):
            transaction.rolled_back()
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
        self._soon.flush()
        for _ in range(self._idle.qsize()):
            connection = self._idle.get()
            if connection is not None:
                connection.close()
            self._idle.put(None)
