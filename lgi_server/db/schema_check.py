"""Whether a database has the tables and columns of this version, and by what names it differs."""

import sqlite3
from collections.abc import Iterator

from lgi_server.db.pool import Database
from lgi_server.db.sqlite import COLUMNS, schema_statements

Column = tuple[str, str]


def expected(schema: str) -> set[Column]:
    """Return the table and name of each column of a schema file."""
    made = sqlite3.connect(":memory:")
    try:
        for statement in schema_statements(schema):
            made.execute(statement)
        return set(made.execute(COLUMNS))
    finally:
        made.close()


def differences(database: Database, schema: str) -> list[str]:
    """Return what a database lacks or has too much, in words; tables of others beside ours do not count.

    Raises LGIError BACK_OFF when the database cannot be reached, or DATABASE when it refuses us.
    """
    return list(_in_words(expected(schema), database.columns()))


def _in_words(wanted: set[Column], found: set[Column]) -> Iterator[str]:
    ours, there = {table for table, _ in wanted}, {table for table, _ in found}
    for table in sorted(ours - there):
        yield f"it has no table {table}"
    for table, name in sorted(wanted - found):
        if table in there:
            yield f"it has no column {table}.{name}"
    for table, name in sorted(found - wanted):
        if table in ours:
            yield f"the column {table}.{name} is unknown to this version"
