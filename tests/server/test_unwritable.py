"""A database that answers and takes no changes: a replica, one closed for maintenance, a full disk."""

from collections.abc import Iterator

import pymysql
import pytest

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db import mariadb, open_database, schema
from lgi_server.db.errors import DiskFullError
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from tests.conftest import started_mariadb

ADD = "INSERT INTO users_denied (user_name, application) VALUES ('n', 'any')"


@pytest.fixture
def replica() -> Iterator[tuple[Database, Database]]:
    """A project's database for an ordinary account, and for the one that makes its server a replica."""
    with started_mariadb() as server:
        admin = open_database(server.create_database("LGI"))
        schema.make(admin)
        admin.run(lambda one: one.run("CREATE USER lgi@localhost"))
        admin.run(lambda one: one.run("GRANT ALL ON LGI.* TO lgi@localhost"))
        made = open_database(f"mariadb://lgi@localhost/LGI?socket={server.socket}")
        yield made, admin
        made.close()
        admin.close()


def look(transaction: Transaction) -> int:
    """Read only."""
    return len(transaction.rows("SELECT 1 AS one FROM users_denied"))


def add(transaction: Transaction) -> None:
    """Add a row by a statement that is sent with the commit."""
    transaction.execute_pipelined(ADD)


def test_a_server_that_has_become_a_replica_is_away(
    replica: tuple[Database, Database], caplog: pytest.LogCaptureFixture
) -> None:
    """Its data may be old and it cannot store anything, so callers get a back-off."""
    database, admin = replica
    database.run(add)

    admin.run(lambda one: one.run("SET GLOBAL read_only = 1"), write=False)
    for work, write in ((add, True), (look, False)):
        with pytest.raises(LGIError) as refused:
            database.run(work, write)  # type: ignore[arg-type]
        assert refused.value.number == ErrorNumber.BACK_OFF
    admin.close()
    with pytest.raises(LGIError):
        admin.run(add)

    assert caplog.messages.count("the database cannot be reached: it is read-only, as a replica is") == 3
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("number", [1021, 1026, 1114])
def test_a_full_disk_of_the_database_is_a_back_off(number: int) -> None:
    """As with the embedded database: nothing was done, and a retry may succeed."""
    with pytest.raises(DiskFullError), mariadb.translated_errors():
        raise pymysql.err.OperationalError(number, "The table 'job_queue' is full")
