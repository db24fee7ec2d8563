"""Whole tables, read for a backup and stored in a new database; names are those of the schema."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from lgi_server.db.transaction import Transaction, placeholders

# Values in one statement; SQLite allows a thousand.
_VALUES = 900
# Large rows are stored one by one: MariaDB limits the size of a statement.
_LARGE = 64 * 1024


def query(table: str, columns: Sequence[str]) -> str:
    """Return the query for all rows of a table."""
    return f"SELECT {', '.join(columns)} FROM {table}"


def insert(
    transaction: Transaction, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> int:
    """Store rows and return how many."""
    number, some = 0, list[Sequence[Any]]()
    left = iter(rows)
    while some := list(islice(left, max(1, _VALUES // len(columns)))):
        for group in _groups(some):
            marks = ", ".join([f"({placeholders(columns)})"] * len(group))
            transaction.run(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES {marks}",
                *(value for row in group for value in row),
            )
        number += len(some)
    return number


def _groups(rows: list[Sequence[Any]]) -> list[list[Sequence[Any]]]:
    if any(isinstance(value, bytes | str) and len(value) > _LARGE for row in rows for value in row):
        return [[row] for row in rows]
    return [rows]


def clear(transaction: Transaction, table: str) -> None:
    """Remove all rows of a table."""
    transaction.run(f"DELETE FROM {table}")


def are_empty(transaction: Transaction, tables: Iterable[str]) -> bool:
    """Return whether none of the tables has a row."""
    return all(transaction.row(f"SELECT 1 AS one FROM {table} LIMIT 1") is None for table in tables)


def number_from(transaction: Transaction, table: str, number: int) -> None:
    """Let a table give numbers above ``number`` to its next rows."""
    if transaction.for_update:
        # MariaDB commits it at once; the counter does not go back when rows with lower numbers are stored.
        transaction.run(f"ALTER TABLE {table} AUTO_INCREMENT = %s", number + 1)
    else:
        transaction.run("DELETE FROM sqlite_sequence WHERE name = %s", table)
        transaction.run("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", table, number)
