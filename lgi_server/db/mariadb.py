"""MariaDB through PyMySQL, which is pure Python, so that gevent runs other requests while it waits."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pymysql
from pymysql.constants import CLIENT
from pymysql.cursors import DictCursor

from lgi_server.db.errors import (
    AccessDeniedError,
    DatabaseUnavailableError,
    DiskFullError,
    RetryableError,
    StaleConnectionError,
    StatementError,
    UniqueViolationError,
)
from lgi_server.db.failover import Hosts
from lgi_server.db.mariadb_answers import MappingConnection
from lgi_server.db.sqlite import statements
from lgi_server.db.transaction import Query, Row

LOCK_WAIT, DEADLOCK, DUPLICATE = 1205, 1213, 1062
LOST = frozenset({2002, 2003, 2006, 2013, 2055, 1040, 1053, 1047})
# Errors 1290, 1836: the server has become read-only. 1021, 1026, 1114: its disk is full.
CLOSED = frozenset({1290, 1836})
DISK_FULL = frozenset({1021, 1026, 1114})
REFUSED = frozenset({1044, 1045, 1049, 1146, 1698})


@dataclass(frozen=True)
class MariaDB:
    """A database on a MariaDB server, reached by a socket or TCP."""

    name: str
    user: str
    password: str
    hosts: Hosts
    socket: str = ""
    locks_rows = True

    def connect(self) -> "MariaDBConnection":
        """Return a new connection to the first host that answers.

        Raises DatabaseUnavailableError or AccessDeniedError.
        """
        last: DatabaseUnavailableError | None = None
        for host in self.hosts.ordered():
            try:
                connection = self._connect(*host)
            except DatabaseUnavailableError as away:
                self.hosts.mark_unreachable(host)
                last = away
            else:
                return connection
        raise last or DatabaseUnavailableError("no host")

    def _connect(self, host: str, port: int) -> "MariaDBConnection":
        """Connect with isolation READ COMMITTED, so that a claim locks the rows it takes and no gaps."""
        with translated_errors():
            raw = MappingConnection(
                host=host,
                port=port,
                unix_socket=self.socket or None,
                user=self.user,
                password=self.password,
                database=self.name,
                charset="utf8mb4",
                autocommit=True,
                connect_timeout=5,
                read_timeout=60,
                # Equal to read_timeout: another value costs a system call for each statement.
                write_timeout=60,
                client_flag=CLIENT.MULTI_STATEMENTS,
                # On a local connection TLS is useless and costs 25 ms.
                ssl_disabled=bool(self.socket) or host in {"localhost", "127.0.0.1", "::1"},
                # Without exists_to_in=off an EXISTS is turned into a list of all its rows first.
                init_command="SET SESSION innodb_lock_wait_timeout=5, sql_mode='STRICT_ALL_TABLES',"
                " optimizer_switch='exists_to_in=off', group_concat_max_len=4294967295",
            )
            # A statement, since the name of the variable differs between versions.
            raw.query("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            in_cluster = _join_cluster(raw)
            _check_writable(raw)
        return MariaDBConnection(raw, one_by_one=in_cluster)

    columns = (
        "SELECT table_name AS table_name, column_name AS column_name FROM information_schema.columns"
        " WHERE table_schema = DATABASE()"
    )

    def schema(self, text: str) -> Iterable[str]:
        """Return the statements of the schema; parts for SQLite are comments to MariaDB."""
        return statements(text)


def _join_cluster(raw: MappingConnection) -> bool:
    """Return whether the server is a node of a Galera cluster, and have it see all commits of other nodes.

    Raises DatabaseUnavailableError on a node that is cut off from its cluster.
    """
    with raw.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'wsrep_ready'")
        ready = cursor.fetchone()
        if ready is None:
            return False
        cursor.execute("SELECT @@wsrep_on AS wsrep_on")
        row = cursor.fetchone()
        if not row or not row["wsrep_on"]:
            return False
        if ready["Value"] != "ON":
            raise DatabaseUnavailableError("the node is cut off from its cluster")
        cursor.execute("SET SESSION wsrep_sync_wait = 1")
        return True


def _check_writable(raw: MappingConnection) -> None:
    """Raise DatabaseUnavailableError on a read-only server.

    A replica is behind its master: a job could be claimed twice.
    """
    with raw.cursor() as cursor:
        cursor.execute("SELECT @@global.read_only AS read_only")
        row = cursor.fetchone()
        if row and row["read_only"]:
            raise DatabaseUnavailableError("it is read-only, as a replica is")


class MariaDBConnection:
    """A connection that raises the errors of `db.errors`.

    A round trip costs more than most statements. So statements are sent when a result is needed, together in
    one packet; the server stops at the first that fails. Work that only reads has no transaction: each
    statement sees what was committed before it.

    With ``one_by_one`` each statement has its own packet. A Galera node that aborts a transaction in the
    middle of a packet, in favour of another node's, silently runs the rest of the packet: two nodes could
    then claim the same job.
    """

    def __init__(self, raw: MappingConnection, one_by_one: bool = False) -> None:
        self._raw = raw
        self._one_by_one = one_by_one
        self._waiting: list[str] = []
        self._writing = False
        self._begun = False

    def begin(self, write: bool) -> None:
        """Begin a transaction; nothing is sent yet."""
        self._waiting = ["START TRANSACTION"] if write else []
        self._writing, self._begun = write, False

    def defer(self, sql: str, parameters: Sequence[Any]) -> None:
        """Queue a statement, to be sent with the next one or the commit."""
        escape = self._raw.escape
        # Half of all parameters are numbers, with which PyMySQL takes a detour.
        literals = [str(one) if type(one) is int else escape(one) for one in parameters]
        self._waiting.append(sql % tuple(literals))

    def execute(self, sql: str, parameters: Sequence[Any]) -> DictCursor:
        """Run a statement, after the queued ones, and return its cursor; errors as `execute_all`."""
        self.defer(sql, parameters)
        with self._checked():
            return self._send()

    def execute_all(self, queries: Sequence[Query]) -> list[list[Row]]:
        """Run queries, after the queued statements, and return the rows of each.

        Raises StaleConnectionError when a pooled connection was closed before the first statement: nothing
        was changed, and the work may be repeated on a new connection.
        """
        for query in queries:
            self.defer(*query)
        found: list[list[Row]] = []
        with self._checked():
            self._send(found)
        return found[-len(queries) :]

    @contextmanager
    def _checked(self) -> Iterator[None]:
        """Tell a connection that was lost before the first statement from one that was lost later."""
        try:
            yield
        except DatabaseUnavailableError as away:
            if self._begun:
                raise
            raise StaleConnectionError(str(away)) from away
        finally:
            self._begun = True

    def _send(self, rows: list[list[Row]] | None = None) -> DictCursor:
        """Send the queued statements, add their rows to ``rows``, and return the cursor of the last one."""
        together, self._waiting = self._waiting, []
        with translated_errors():
            cursor = self._raw.cursor()
            packets = together if self._one_by_one else ["; ".join(together)]
            results = 1 if self._one_by_one else len(together)
            for packet in packets:
                cursor.execute(packet)
                for number in range(results):
                    if number:
                        cursor.nextset()
                    if rows is not None:
                        rows.append(list(cursor.fetchall()))
        return cursor

    def commit(self) -> None:
        """Commit, after sending the queued statements."""
        if self._writing and (self._begun or len(self._waiting) > 1):
            self._waiting.append("COMMIT")
            self._send()

    def rollback(self) -> None:
        """Roll back; for a lost connection the server has done so."""
        self._waiting = []
        if not (self._writing and self._begun):
            return
        with suppress(DatabaseUnavailableError), translated_errors():
            self._raw.rollback()

    def close(self) -> None:
        """Close the connection without a message to the server."""
        self._raw._force_close()  # type: ignore[attr-defined]


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise the errors of `db.errors` for those of PyMySQL."""
    try:
        yield
    except pymysql.MySQLError as error:
        number = error.args[0] if error.args else 0
        if number in {LOCK_WAIT, DEADLOCK}:
            raise RetryableError(str(error)) from error
        if number in CLOSED:
            raise StaleConnectionError(str(error)) from error
        if number in DISK_FULL:
            raise DiskFullError(str(error)) from error
        if number in LOST or isinstance(error, pymysql.InterfaceError):
            raise DatabaseUnavailableError(str(error)) from error
        if number in REFUSED:
            raise AccessDeniedError(str(error)) from error
        raise (UniqueViolationError if number == DUPLICATE else StatementError)(str(error)) from error
