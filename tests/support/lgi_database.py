"""A database of LGI 1.31 for tests, made from the table definitions of LGI's document.

The document names each column and says integer, string or blob.
"""

from collections.abc import Mapping
from typing import Any

import pymysql

from lgi_server.config.database import MariaDBAddress, parse_address
from lgi_server.tables.lgi_tables import TABLES
from tests.support.grid import Grid

BLOBS = {"input", "output", "client_certificate", "update_query"}
NUMBERS = {
    "job_limit",
    "last_call_time",
    "project_server",
    "priority",
    "daemon_pulse",
    "version",
    "lock_state",
}
# The numbers that MariaDB gives.
KEYS = {"job_id": "job_queue", "lock_id": "running_locks", "resource_id": "active_resources"}
KEYS |= {"session_id": "running_sessions", "version": "updates"}


def kind(table: str, column: str) -> str:
    """Return the type of a column."""
    if column in BLOBS:
        return "MEDIUMBLOB NOT NULL"
    if column in NUMBERS or column.endswith(("_id", "_time", "_stamp")):
        return "INTEGER NOT NULL" + (" AUTO_INCREMENT PRIMARY KEY" if KEYS.get(column) == table else "")
    return "TEXT NOT NULL"


class LGIDatabase:
    """The database of an LGI project."""

    def __init__(self, address: str) -> None:
        self.address = address
        place = parse_address(address)
        assert isinstance(place, MariaDBAddress)
        self._connection = pymysql.connect(
            unix_socket=place.socket, user=place.user, database=place.name, autocommit=True, charset="utf8mb4"
        )
        for table, columns in TABLES.items():
            definitions = ", ".join(f"{column} {kind(table, column)}" for column in columns)
            engine = "InnoDB" if table in {"job_queue", "running_locks"} else "MyISAM"
            self.run(f"CREATE TABLE {table} ({definitions}) ENGINE={engine} DEFAULT CHARSET=utf8")

    def run(self, sql: str, *values: Any) -> list[Any]:
        """Run a statement, and return the rows."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    def insert(self, table: str, **values: Any) -> None:
        """Add a row; columns that are not given are 0 or empty."""
        columns = TABLES[table]
        given = [
            values.get(column, 0 if kind(table, column).startswith("INTEGER") else "") for column in columns
        ]
        marks = ", ".join(["%s"] * len(columns))
        self.run(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", *given)

    def content(self) -> Mapping[str, list[Any]]:
        """Return all rows of all tables."""
        return {table: self.run(f"SELECT * FROM {table}") for table in TABLES}

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def copy(self, grid: Grid) -> None:
        """Take all rows of a project of ours, as LGI would have them."""
        for table, columns in TABLES.items():
            extra = ", repository" if table == "job_queue" else ""
            for row in grid.rows(f"SELECT {', '.join(columns)}{extra} FROM {table}"):
                values = dict(row)
                if name := str(values.pop("repository", "")):
                    values["job_specifics"] = f"{values['job_specifics']} {tags(grid, name)}"
                self.insert(table, **values)


def tags(grid: Grid, name: str) -> str:
    """Return the two tags that LGI adds to job specifics."""
    place = f"{name[-3:]}/{name}"
    return (
        f"<repository> {grid.server_name}:{grid.config.repository}/{place} </repository>"
        f" <repository_url> {grid.url}/repository/{place} </repository_url>"
    )
