"""The tables of the schema with the columns that are stored, without those that the database computes."""

import sqlite3
from collections.abc import Mapping

from lgi_server.db.sqlite import schema_statements

# Of pragma_table_xinfo: 0 is an ordinary column, 2 and 3 are computed ones.
_QUERY = (
    "SELECT made.name, part.name FROM sqlite_master AS made"
    " JOIN pragma_table_xinfo(made.name) AS part WHERE made.type = 'table'"
    " AND made.name <> 'sqlite_sequence' AND part.hidden = 0 ORDER BY made.name, part.cid"
)


def of_schema(text: str) -> Mapping[str, tuple[str, ...]]:
    """Return the columns of each table of a schema file, in their order."""
    made = sqlite3.connect(":memory:")
    try:
        for statement in schema_statements(text):
            made.execute(statement)
        found: dict[str, tuple[str, ...]] = {}
        for table, column in made.execute(_QUERY):
            found[table] = (*found.get(table, ()), column)
        return found
    finally:
        made.close()


def numbered(text: str) -> Mapping[str, str]:
    """Return the tables of a schema file that number their rows, each with the column of the number."""
    made = sqlite3.connect(":memory:")
    try:
        for statement in schema_statements(text):
            made.execute(statement)
        tables = made.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'").fetchall()
        return {
            table: column
            for (table,) in tables
            for column, is_key in made.execute("SELECT name, pk FROM pragma_table_xinfo(?)", (table,))
            if is_key
        }
    finally:
        made.close()
