"""Reading the answers of MariaDB without PyMySQL's cursor of mappings."""

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest
from pymysql.constants import CLIENT
from pymysql.cursors import DictCursor

from lgi_server.db import mariadb_answers
from lgi_server.db.mariadb_answers import MappingConnection
from tests.support.mariadb import PrivateMariaDB

QUERIES = {
    "numbers": "SELECT 1 AS one, -2 AS two, 2 << 60 AS big, 1.5 AS part, 1e3 AS float_one, NULL AS none",
    "texts": "SELECT '' AS empty, 'Márk ✓' AS text, '12' AS digits, CONCAT('a', CHAR(0)) AS zero",
    "bytes": "SELECT X'00ff80' AS some, CAST('é' AS BINARY) AS other",
    "long values": "SELECT REPEAT('x', 250) AS a, REPEAT('x', 251) AS b, REPEAT('é', 70000) AS c, 7 AS last",
    "a row longer than a packet": "SELECT REPEAT('y', 9000000) AS a, REPEAT('z', 9000000) AS b, 7 AS last",
    "sums and times": "SELECT SUM(n) AS sum_one, NOW() AS now_one FROM (SELECT 3 AS n) AS some",
    "no rows": "SELECT 1 AS one FROM (SELECT 1 AS n) AS some WHERE n = 2",
    "many rows": "SELECT seq AS number, REPEAT('z', seq) AS text FROM seq_1_to_400",
    "one name twice": "SELECT some.n, other.n FROM (SELECT 1 AS n) AS some, (SELECT 2 AS n) AS other",
    "one name three times": "SELECT one.n, one.n, one.n, 'x' AS last FROM (SELECT 1 AS n) AS one",
}


@pytest.fixture(scope="module")
def connections(private_mariadb: PrivateMariaDB) -> Iterator[tuple[Any, Any]]:
    """A connection of PyMySQL, and one of ours."""
    options: dict[str, Any] = {
        "unix_socket": str(private_mariadb.socket),
        "user": private_mariadb.admin,
        "database": "mysql",
        "charset": "utf8mb4",
        "ssl_disabled": True,
        "client_flag": CLIENT.MULTI_STATEMENTS,
        "init_command": "SET SESSION timestamp = 1000000000",
    }
    theirs = pymysql.connect(cursorclass=DictCursor, **options)
    ours = MappingConnection(**options)
    yield theirs, ours
    theirs.close()
    ours.close()


def rows(connection: Any, query: str) -> list[Any]:
    """The rows that a cursor returns."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


@pytest.mark.parametrize("kind", QUERIES)
def test_an_answer_is_that_of_the_cursor_of_pymysql(connections: tuple[Any, Any], kind: str) -> None:
    """The second time too, when the descriptions of its columns are known."""
    theirs, ours = connections

    expected = rows(theirs, QUERIES[kind])

    assert rows(ours, QUERIES[kind]) == expected
    assert rows(ours, QUERIES[kind]) == expected


def test_statements_of_one_packet_are_answered_one_after_the_other(connections: tuple[Any, Any]) -> None:
    """Those without rows among them; the server stops at the first that fails."""
    _theirs, ours = connections

    with ours.cursor() as cursor:
        cursor.execute("SELECT 1 AS one; SET @some = 2; SELECT @some AS two; SELECT none FROM nowhere.none")
        found = [cursor.fetchall()]
        cursor.nextset()
        cursor.nextset()
        found.append(cursor.fetchall())
        with pytest.raises(pymysql.Error, match="nowhere"):
            cursor.nextset()

    assert found == [({"one": 1},), ({"two": 2},)]
    assert rows(ours, "SELECT 3 AS three") == [{"three": 3}]


def test_no_more_descriptions_are_kept_than_a_limit(
    connections: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Queries with names of their own cannot fill the memory."""
    monkeypatch.setattr(mariadb_answers, "MOST_KNOWN", 3)

    found = [rows(connections[1], f"SELECT {number} AS name{number}") for number in range(20)]

    assert found == [[{f"name{number}": number}] for number in range(20)]
    assert mariadb_answers.number_known() <= 3
