"""A snapshot of a database: all its rows as they were at one moment, while others go on to write."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import quote

import pymysql
from pymysql.cursors import SSCursor

from lgi_server.config.database import MariaDBAddress, SQLiteAddress, parse_address, without_password

Values = tuple[Any, ...]


class Snapshot(Protocol):
    """The rows of one moment. Its calls raise ValueError for an error of the database."""

    def rows(self, query: str) -> Iterator[Values]:
        """Yield the rows of a query, which must be read to their end before the next call."""

    def last_number(self, table: str) -> int:
        """Return a number that is at least the last one that a table has given to a row."""


@contextmanager
def opened(address: str) -> Iterator[Snapshot]:
    """Provide a snapshot of the database at an address of the configuration.

    Raises ValueError, or OSError for the file of a password.
    """
    place = parse_address(address)
    try:
        if isinstance(place, SQLiteAddress):
            with _sqlite(place) as connection:
                yield _SQLiteSnapshot(connection)
        else:
            with _mariadb(place) as server:
                yield _MariaDBSnapshot(server)
    except (sqlite3.Error, pymysql.Error) as error:
        raise ValueError(f"the database {without_password(address)} cannot be read: {error}") from error


@contextmanager
def _sqlite(place: SQLiteAddress) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"file:{quote(str(place.path))}?mode=ro", uri=True, isolation_level=None)
    try:
        connection.execute("BEGIN")
        # The first read determines the moment.
        connection.execute("SELECT COUNT(*) FROM schema_version").fetchone()
        yield connection
    finally:
        connection.close()


class _SQLiteSnapshot:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, query: str) -> Iterator[Values]:
        yield from self._connection.execute(query)

    def last_number(self, table: str) -> int:
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        return int(row[0]) if row else 0


@contextmanager
def _mariadb(place: MariaDBAddress) -> Iterator["pymysql.Connection[SSCursor]"]:
    connection = _connected(place)
    try:
        connection.query("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        yield connection
    finally:
        connection.close()


def _connected(place: MariaDBAddress) -> "pymysql.Connection[SSCursor]":
    """Return a connection to the first host that answers."""
    last: pymysql.Error | None = None
    for host, port in place.hosts:
        try:
            return pymysql.connect(
                host=host,
                port=port,
                unix_socket=place.socket or None,
                user=place.user,
                password=place.password,
                database=place.name,
                charset="utf8mb4",
                connect_timeout=5,
                ssl_disabled=bool(place.socket) or host in {"localhost", "127.0.0.1", "::1"},
                # Rows arrive one by one: a table need not fit into memory.
                cursorclass=SSCursor,
            )
        except pymysql.Error as error:
            last = error
    raise last or ValueError("the address of the database names no host")


class _MariaDBSnapshot:
    def __init__(self, connection: "pymysql.Connection[SSCursor]") -> None:
        self._connection = connection

    def rows(self, query: str) -> Iterator[Values]:
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            yield from cursor

    def last_number(self, table: str) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT auto_increment FROM information_schema.tables"
                " WHERE table_schema = DATABASE() AND table_name = %s",
                (table,),
            )
            row = cursor.fetchone()
            cursor.fetchall()
        # It is the next number, at the moment of this call.
        return int(row[0] or 1) - 1 if row else 0
