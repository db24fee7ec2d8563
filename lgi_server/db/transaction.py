"""Transactions, and the interface of a kind of database.

All SQL has ``%s`` for its parameters and is in `lgi_server.tables`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from typing import Any, Protocol

from lgi_server.db.deferred_writes import Statement

Row = Mapping[str, Any]
# A statement that returns rows, and its parameters.
Query = tuple[str, Sequence[Any]]


class Connection(Protocol):
    """The interface of a connection, which raises the errors of `db.errors`."""

    def execute(self, sql: str, parameters: Sequence[Any]) -> Any:
        """Run a statement and return a cursor whose rows are mappings."""

    def execute_all(self, queries: Sequence[Query]) -> list[list[Row]]:
        """Run queries, one after the other, and return the rows of each."""

    def defer(self, sql: str, parameters: Sequence[Any]) -> None:
        """Run a statement without a result no later than the next one, or the commit."""

    def begin(self, write: bool) -> None:
        """Begin a transaction; if it only reads, its statements may see different states of the database."""

    def commit(self) -> None:
        """Commit."""

    def rollback(self) -> None:
        """Roll back."""

    def close(self) -> None:
        """Close the connection."""


class Dialect(Protocol):
    """The interface of a kind of database; ``locks_rows`` is False if a writer locks all of it."""

    locks_rows: bool
    # A query for the table and name of each column there is.
    columns: str

    def connect(self) -> Connection:
        """Return a new connection. Raises DatabaseUnavailableError or AccessDeniedError."""

    def schema(self, text: str) -> Iterable[str]:
        """Return the statements of the schema file for this kind of database."""


class Transaction:
    """A transaction, in which work runs its statements.

    ``for_update`` and ``skip_locked`` end a SELECT that locks rows; they are empty if the database locks
    none.
    """

    def __init__(self, connection: Connection, locks_rows: bool) -> None:
        self.connection = connection
        self._undo: list[Callable[[], object]] = []
        self._after: list[Callable[[], object]] = []
        # Rows of changed jobs, and news of sessions with jobs: the listener of the database gets them after
        # the commit.
        self.news: list[Any] = []
        self.deferred: list[Statement] = []
        self.for_update = " FOR UPDATE" if locks_rows else ""
        self.skip_locked = " FOR UPDATE SKIP LOCKED" if locks_rows else ""

    def rows(self, sql: str, *parameters: Any) -> list[Row]:
        """Return all rows of a query."""
        return list(self.connection.execute(sql, parameters).fetchall())

    def row(self, sql: str, *parameters: Any) -> Row | None:
        """Return the first row of a query, if there is one."""
        row: Row | None = self.connection.execute(sql, parameters).fetchone()
        return row

    def rows_of_each(self, queries: Sequence[Query]) -> list[list[Row]]:
        """Return the rows of each of several queries; with one round trip where the database allows it."""
        return self.connection.execute_all(queries) if queries else []

    def run(self, sql: str, *parameters: Any) -> int:
        """Run a statement and return the number of rows it has changed."""
        return int(self.connection.execute(sql, parameters).rowcount)

    def execute_pipelined(self, sql: str, *parameters: Any) -> None:
        """Run a statement without a result: it is sent with the next one, or with the commit, in this order.

        Its errors are raised no later than by the commit, which then does not happen.
        """
        self.connection.defer(sql, parameters)

    def defer_to_batch(self, sql: str, *parameters: Any) -> None:
        """Run a statement within a second after the commit, once for all transactions that ask for it.

        For rows that many transactions write at once, waiting for each other's commit. It is lost when the
        process is killed before that.
        """
        self.deferred.append((sql, parameters))

    def insert(self, sql: str, *parameters: Any) -> int:
        """Run an INSERT and return the automatic number of the new row."""
        return int(self.connection.execute(sql, parameters).lastrowid)

    def on_rollback(self, step: Callable[[], object]) -> None:
        """Call a function if the transaction is rolled back, to revert changes outside the database."""
        self._undo.append(step)

    def on_commit(self, step: Callable[[], object]) -> None:
        """Call a function after the commit, and only then."""
        self._after.append(step)

    def rolled_back(self) -> None:
        """Call the functions of `on_rollback`, the last first, each once."""
        while self._undo:
            self._undo.pop()()

    def committed(self) -> None:
        """Call the functions of `on_commit`."""
        for step in self._after:
            step()


def placeholders(values: Sized) -> str:
    """Return a placeholder for each value, for ``IN (...)``."""
    return ", ".join(["%s"] * len(values))
