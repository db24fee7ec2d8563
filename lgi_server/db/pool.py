"""The database of a project: a bounded pool of connections, and work in transactions.

Work is a function of a `Transaction`. It is rolled back when it raises, and repeated when the database
requires it.
"""

import logging
import queue
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.deferred_writes import DeferredWrites, Statement
from lgi_server.db.errors import (
    AccessDeniedError,
    CommitLostError,
    DatabaseUnavailableError,
    DiskFullError,
    RetryableError,
    StaleConnectionError,
    StatementError,
    UniqueViolationError,
)
from lgi_server.db.group_commit import GroupCommit
from lgi_server.db.transaction import Connection, Dialect, Transaction

log = logging.getLogger("lgi.database")
Result = TypeVar("Result")
TRIES_SECONDS = 10.0
_NO_CONNECTION = f"no connection to the database was free for {TRIES_SECONDS:.0f} s"
POOL_SIZE = 8
# How often work is repeated because another transaction has stored a row with the same unique key: a
# daemon may make several exchanges at once, each of which gives out jobs under some of the same references.
MOST_COLLISIONS = 5


class Database:
    """The database of a project, with a bounded pool of connections."""

    def __init__(self, dialect: Dialect, size: int = POOL_SIZE) -> None:
        """Create the pool of at most ``size`` connections, each of which is opened at its first use."""
        self._dialect = dialect
        self._idle: queue.LifoQueue[Connection | None] = queue.LifoQueue()
        for _ in range(size):
            self._idle.put(None)
        # Where there is one writer at a time, those of this process share its transaction.
        self._group = None if dialect.locks_rows else GroupCommit(self._finish)
        self._deferred = DeferredWrites(self._run_all)
        # Gets the news of each transaction after its commit; it must not wait.
        self.listener: Callable[[Sequence[Any]], object] = lambda _news: None

    def run(self, work: Callable[[Transaction], Result], write: bool = True) -> Result:
        """Run work in a transaction, commit, and return its result.

        Raises LGIError BACK_OFF, with nothing changed, when the database cannot be reached, is full or stays
        busy; LGIError DATABASE when it refuses the connection or a statement, or was lost during the commit,
        which may have been done or not.
        """
        end = time.monotonic() + TRIES_SECONDS
        collisions = 0
        while True:
            try:
                return self._once(work, write)
            except UniqueViolationError as taken:
                # Another transaction has stored the row: the repeated work finds it, or meets the next.
                collisions += 1
                if collisions > MOST_COLLISIONS:
                    log.exception("a unique key exists already")
                    raise LGIError(ErrorNumber.DATABASE) from taken
            except RetryableError as busy:
                if time.monotonic() > end:
                    raise LGIError(ErrorNumber.BACK_OFF) from busy
                time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - rivals should not collide again
            except DatabaseUnavailableError as away:
                log.error("the database cannot be reached: %s", away)
                raise LGIError(ErrorNumber.BACK_OFF) from away
            except DiskFullError as full:
                log.error("the disk of the database is full: %s", full)
                raise LGIError(ErrorNumber.BACK_OFF) from full
            except StatementError as failed:
                log.exception("the database refuses a statement")
                raise LGIError(ErrorNumber.DATABASE) from failed
            except AccessDeniedError as refused:
                log.error("the database refuses the connection: %s", refused)
                raise LGIError(ErrorNumber.DATABASE) from refused

    def _once(self, work: Callable[[Transaction], Result], write: bool) -> Result:
        group = self._group if write else None
        if group is None:
            transaction, result = self._committed(work, write)
        elif group.turn.acquire(blocking=False):
            transaction, result = self._led(work, group)
        else:
            transaction, result = group.wait(work) or self._led(work, group)
        self._finish(transaction)
        return result

    def _led(self, work: Callable[[Transaction], Result], group: GroupCommit) -> tuple[Transaction, Result]:
        """Do a work as `_committed`, and those of other writers with it; the caller has the turn."""
        try:
            outcome = self._committed(work, write=True)
        except BaseException as error:
            # Also the end of this request alone: the others begin anew.
            group.tell(error)
            raise
        else:
            if group.done:
                group.tell()
            return outcome
        finally:
            group.turn.release()
            if group.waiting:
                group.call_next()

    def _finish(self, transaction: Transaction) -> None:
        """Do what is due after the commit of a transaction."""
        for statement in transaction.deferred:
            self._deferred.add(statement, None)
        transaction.committed()
        if transaction.news:
            self.listener(transaction.news)

    def _committed(self, work: Callable[[Transaction], Result], write: bool) -> tuple[Transaction, Result]:
        """Return a transaction that has been committed, and the result of its work."""
        try:
            connection = self._idle.get(timeout=TRIES_SECONDS)
        except queue.Empty:
            raise LGIError(ErrorNumber.BACK_OFF, _NO_CONNECTION) from None
        healthy = False
        try:
            connection = connection or self._dialect.connect()
            transaction = Transaction(connection, self._dialect.locks_rows)
            try:
                connection.begin(write)
            except RetryableError:
                # Another one writes: the connection is as good as before, and a new one is dear.
                healthy = True
                raise
            try:
                result = work(transaction)
                if write and self._group and self._group.waiting:
                    self._group.do_waiting(transaction)
            except BaseException as error:
                connection.rollback()
                transaction.rolled_back()
                healthy = not isinstance(error, StaleConnectionError | DatabaseUnavailableError)
                raise
            self._commit(connection, transaction)
            healthy = True
            return transaction, result
        finally:
            if connection is not None and not healthy:
                connection.close()
            self._idle.put(connection if healthy else None)

    def _run_all(self, statements: Sequence[Statement]) -> None:
        def work(transaction: Transaction) -> None:
            for sql, parameters in statements:
                transaction.execute_pipelined(sql, *parameters)

        self.run(work)

    @staticmethod
    def _commit(connection: Connection, transaction: Transaction) -> None:
        """Commit. It is not repeated when its answer is lost, since it may have been done.

        After a refused commit, or a failed statement that was sent with it, nothing is stored.
        """
        try:
            connection.commit()
        except (RetryableError, StatementError, DiskFullError):
            transaction.rolled_back()
            raise
        except (DatabaseUnavailableError, AccessDeniedError) as error:
            log.error("lost the database while committing: %s", error)
            raise CommitLostError from error

    def create(
        self, schema: str, finish: Callable[[Transaction], object] = lambda _transaction: None
    ) -> None:
        """Run the statements of a schema, or of a step between two, and then ``finish``."""
        statements = tuple(self._dialect.schema(schema))

        def make(transaction: Transaction) -> None:
            for statement in statements:
                transaction.run(statement)
            finish(transaction)

        self.run(make)

    def columns(self) -> set[tuple[str, str]]:
        """Return the table and name of each column there is; LGIError as `run`."""
        query = self._dialect.columns
        rows = self.run(lambda transaction: transaction.rows(query), write=False)
        return {(row["table_name"], row["column_name"]) for row in rows}

    def close(self) -> None:
        """Run the deferred statements, and close all idle connections."""
        self._deferred.flush()
        for _ in range(self._idle.qsize()):
            connection = self._idle.get()
            if connection is not None:
                connection.close()
            self._idle.put(None)
