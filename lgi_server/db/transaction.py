"""The statements of one piece of work, and what a kind of database offers to run them.

All SQL is written with ``%s`` for its parameters and stands in `lgi_server.tables`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from typing import Any, Protocol

from lgi_server.db.deferred_writes import Statement

Row = Mapping[str, Any]


class Connection(Protocol):
    """What the two kinds of database offer a transaction."""

    def execute(self, sql: str, parameters: Sequence[Any]) -> Any:
        """Return a cursor with rows as mappings."""

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
        """Return a new connection. Raises DatabaseUnavailableError or AccessDeniedError."""

    def schema(self, text: str) -> Iterable[str]:
        """Return the statements of the schema file, as this database reads them."""


class Transaction:
    """The statements of one piece of work. ``for_update`` is empty where the whole database is locked."""

    def __init__(self, connection: Connection, locks_rows: bool) -> None:
        self.connection = connection
        self._undo: list[Callable[[], object]] = []
        self._after: list[Callable[[], object]] = []
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

    def run(self, sql: str, *parameters: Any) -> int:
        """Return how many rows a statement has changed."""
        return int(self.connection.execute(sql, parameters).rowcount)

    def execute_pipelined(self, sql: str, *parameters: Any) -> None:
        """Run a statement whose result nobody needs: it travels with the next one, or with the commit.

        Statements keep their order. What one of them violates is found no later than by the commit, which
        then does not happen.
        """
        self.connection.defer(sql, parameters)

    def defer_to_batch(self, sql: str, *parameters: Any) -> None:
        """Run a statement within a second after this transaction has lasted, once for all that ask for it.

        For what many would write at once, each waiting for the other's commit. A process that is killed
        meanwhile takes it along.
        """
        self.deferred.append((sql, parameters))

    def insert(self, sql: str, *parameters: Any) -> int:
        """Return the number the database gave to an inserted row."""
        return int(self.connection.execute(sql, parameters).lastrowid)

    def on_rollback(self, step: Callable[[], object]) -> None:
        """Have something outside the database taken back if this transaction does not last."""
        self._undo.append(step)

    def on_commit(self, step: Callable[[], object]) -> None:
        """Have something done once this transaction has lasted, never before and never without."""
        self._after.append(step)

    def rolled_back(self) -> None:
        """Nothing was stored: take back what was done outside, the last first."""
        for step in reversed(self._undo):
            step()

    def committed(self) -> None:
        """Everything is stored: do what waited for that."""
        for step in self._after:
            step()


def placeholders(values: Sized) -> str:
    """Return the placeholders for an ``IN (...)`` of so many values."""
    return ", ".join(["%s"] * len(values))
