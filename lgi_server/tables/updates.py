"""updates: the changes that every project server of the project makes, in order."""

from dataclasses import dataclass

from lgi_server.database import Row, Transaction


@dataclass(frozen=True)
class Change:
    """A statement on one of the tables that all project servers share, and its values."""

    sql: str
    values: tuple[str | int, ...]

    def run(self, transaction: Transaction) -> int:
        """Make the change here; answer how many rows it changed."""
        return transaction.run(self.sql, *self.values)

    def text(self) -> str:
        """The change as a statement other servers can run. ValueError for text that needs escapes.

        Quotes are doubled, which every database reads alike; what a backslash means differs.
        """
        return self.sql.replace("%s", "{}").format(*map(_literal, self.values))


def _literal(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    if "\\" in value or "\0" in value:
        raise ValueError(f"{value!r} holds a backslash or a NUL")
    return "'" + value.replace("'", "''") + "'"


def insert(transaction: Transaction, servers: str, query: str) -> int:
    """Record a change for the servers of a comma list and answer its version."""
    return transaction.insert(
        "INSERT INTO updates (servers, update_query) VALUES (%s, %s)", servers, query.encode()
    )


def all_of(transaction: Transaction) -> list[Row]:
    """Every change, oldest first."""
    return transaction.rows("SELECT version, servers, update_query FROM updates ORDER BY version")
