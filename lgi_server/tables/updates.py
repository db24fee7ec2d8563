"""The table updates: the changes that all project servers of the project make, in order of their versions."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_server.db.transaction import Row, Transaction

Pairs = Sequence[tuple[str, str | int]]


@dataclass(frozen=True)
class UpdateStatement:
    """A statement on one of the tables that all project servers share, with its parameters."""

    sql: str
    values: tuple[str | int, ...]

    def run(self, transaction: Transaction) -> int:
        """Run the statement; return the number of rows it has changed."""
        return transaction.run(self.sql, *self.values)

    def text(self) -> str:
        """Return the statement with its values, as other servers can run it.

        Raises ValueError for text with a backslash or NUL: databases read a backslash differently. Quotes are
        doubled, which all databases understand.
        """
        return self.sql.replace("%s", "{}").format(*map(_literal, self.values))


def _literal(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    if "\\" in value or "\0" in value:
        raise ValueError(f"{value!r} holds a backslash or a NUL")
    return "'" + value.replace("'", "''") + "'"


def run_unread(transaction: Transaction, text: str) -> None:
    """Run a statement of the master without parsing it, when the configuration allows that.

    MariaDB gets it as a parameter, so that no character of it is taken for a placeholder.
    """
    if transaction.for_update:
        transaction.run("EXECUTE IMMEDIATE %s", text)
    else:
        transaction.run(text)


def insert(transaction: Transaction, servers: str, query: str) -> int:
    """Store a change for the servers in a comma list and return its version."""
    return transaction.insert(
        "INSERT INTO updates (servers, update_query) VALUES (%s, %s)", servers, query.encode()
    )


def insert_as(transaction: Transaction, version: int, servers: str, query: str) -> None:
    """Store a change of the master under the version it has there."""
    transaction.run(
        "INSERT INTO updates (version, servers, update_query) VALUES (%s, %s, %s)",
        version,
        servers,
        query.encode(),
    )


def newest(transaction: Transaction) -> int:
    """Return the version of the newest change, 0 if there is none."""
    row = transaction.row("SELECT MAX(version) AS version FROM updates")
    return int(row["version"] or 0) if row else 0


def first_after(transaction: Transaction, version: int) -> Row | None:
    """Return the first change after a version, None if there is none."""
    return transaction.row(
        "SELECT version, servers, update_query FROM updates WHERE version > %s ORDER BY version LIMIT 1",
        version,
    )


def count_after(transaction: Transaction, version: int) -> int:
    """Return the number of changes after a version."""
    row = transaction.row("SELECT COUNT(*) AS n FROM updates WHERE version > %s", version)
    return int(row["n"]) if row else 0


def change_of(verb: str, table: str, values: Pairs, where: Pairs) -> UpdateStatement:
    """Return the statement of a REPLACE, UPDATE or DELETE (``verb``) on a shared table.

    The caller takes the names of table and columns from a fixed list, never from received text.
    """
    conditions = " AND ".join(f"{column} = %s" for column, _ in where)
    found = tuple(value for _, value in where)
    if verb == "DELETE":
        return UpdateStatement(f"DELETE FROM {table} WHERE {conditions}", found)
    given = tuple(value for _, value in values)
    if verb == "UPDATE":
        settings = ", ".join(f"{column} = %s" for column, _ in values)
        return UpdateStatement(f"UPDATE {table} SET {settings} WHERE {conditions}", (*given, *found))
    columns = ", ".join(column for column, _ in values)
    marks = ", ".join(["%s"] * len(values))
    return UpdateStatement(f"REPLACE INTO {table} ({columns}) VALUES ({marks})", given)
