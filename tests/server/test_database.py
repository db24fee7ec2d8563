"""Transactions on both kinds of database."""

import subprocess
import threading

import pytest

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db import open_database, schema, schema_check, schema_files, upgrades
from lgi_server.db.errors import RetryableError
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from tests.support.grid import BIN, Grid
from tests.support.mariadb import PrivateMariaDB


def count(database: Database) -> int:
    """How many events are queued."""
    row = database.run(lambda transaction: transaction.row("SELECT COUNT(*) AS n FROM event_queue"))
    return int(row["n"]) if row else -1


def add(transaction: Transaction, when: int = 1) -> None:
    """Queue an event."""
    transaction.run("INSERT INTO event_queue (event_time_stamp, event) VALUES (%s, %s)", when, "x")


def test_the_schema_is_made_once(database: Database) -> None:
    """Making the tables of a database that has them changes nothing."""
    database.run(add)

    assert schema.make(database) is False
    assert count(database) == 1


def test_a_database_of_this_version_differs_in_nothing(database: Database) -> None:
    """On both kinds, computed columns and tables of others included."""
    database.run(lambda transaction: transaction.run("CREATE TABLE of_the_site (anything INTEGER)"))

    assert schema_check.differences(database, schema_files.text()) == []


def test_a_database_of_another_version_is_described_by_name(database: Database) -> None:
    """Tables and columns that are missing, and columns that are too many."""
    for statement in (
        "DROP TABLE server_heartbeats",
        "DROP TABLE job_tails",
        "ALTER TABLE job_queue DROP COLUMN end_reason",
        "ALTER TABLE job_runs ADD COLUMN node VARCHAR(255)",
    ):
        database.run(lambda transaction, statement=statement: transaction.run(statement))

    assert schema_check.differences(database, schema_files.text()) == [
        "it has no table job_tails",
        "it has no table server_heartbeats",
        "it has no column job_queue.end_reason",
        "the column job_runs.node is unknown to this version",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("program", ["LGI_server", "LGI_scheduler"])
def test_a_program_does_not_start_on_a_database_of_another_version(program: str) -> None:
    """It says which, and what is missing."""
    made = Grid()
    try:
        made.run("DROP TABLE share_usage")
        done = subprocess.run([BIN / program, made.config_file], capture_output=True, text=True, timeout=60)
    finally:
        made.remove()

    assert done.returncode == 1
    assert "the database of project LGI, sqlite:" in done.stderr
    assert f"is not as version {upgrades.latest()} has it: it has no table share_usage." in done.stderr


def test_work_that_raises_leaves_nothing(database: Database) -> None:
    """All of it or nothing."""

    def work(transaction: Transaction) -> None:
        add(transaction)
        raise LGIError(ErrorNumber.NO_JOB)

    with pytest.raises(LGIError):
        database.run(work)

    assert count(database) == 0


def test_work_is_done_again_when_the_database_asks_for_it(database: Database) -> None:
    """A deadlock is no fault of the caller."""
    tries: list[int] = []

    def work(transaction: Transaction) -> int:
        tries.append(1)
        add(transaction)
        if len(tries) < 3:
            raise RetryableError("deadlock")
        return len(tries)

    assert database.run(work) == 3
    assert count(database) == 1


def test_a_change_outside_the_database_is_undone_when_the_transaction_fails(database: Database) -> None:
    """Undo steps run when nothing was stored, the last first, and never after a commit."""
    steps: list[str] = []

    def failing(transaction: Transaction) -> None:
        transaction.on_rollback(lambda: steps.append("first"))
        transaction.on_rollback(lambda: steps.append("second"))
        transaction.on_commit(lambda: steps.append("after"))
        raise LGIError(ErrorNumber.NO_JOB)

    with pytest.raises(LGIError):
        database.run(failing)

    assert steps == ["second", "first"]


def test_a_step_that_waits_for_the_commit_is_done_after_it(database: Database) -> None:
    """Afterwards means that other connections can see it."""
    seen: list[int] = []

    def work(transaction: Transaction) -> None:
        add(transaction)
        transaction.on_rollback(lambda: seen.append(-1))
        transaction.on_commit(lambda: seen.append(count(database)))

    database.run(work)

    assert seen == [1]


def test_numbers_of_deleted_rows_are_not_given_again(database: Database) -> None:
    """A job's number names one job for ever."""

    def submit(transaction: Transaction) -> int:
        return transaction.insert(
            "INSERT INTO running_sessions (resource_id, session_time_stamp) VALUES (1, 1)"
        )

    first = database.run(submit)
    database.run(lambda transaction: transaction.run("DELETE FROM running_sessions"))

    assert database.run(submit) > first


def test_names_are_compared_exactly(database: Database) -> None:
    """Ruling 3: case, accents, blanks at the end and wildcards all count."""
    sql = "INSERT INTO users_denied (user_name, application) VALUES (%s, %s)"

    def work(transaction: Transaction) -> list[int]:
        transaction.run(sql, "Mark", "any")
        query = "SELECT 1 AS one FROM users_denied WHERE user_name = %s"
        return [len(transaction.rows(query, name)) for name in ("Mark", "mark", "Márk", "Mark ", "M%")]

    assert database.run(work) == [1, 0, 0, 0, 0]


def test_two_writers_wait_for_each_other(database: Database) -> None:
    """Many increments at once lose none."""

    def increment(transaction: Transaction) -> None:
        row = transaction.row(
            f"SELECT job_limit FROM users_allowed WHERE user_name = 'n'{transaction.for_update}"
        )
        assert row is not None
        transaction.run("UPDATE users_allowed SET job_limit = %s", int(row["job_limit"]) + 1)

    database.run(lambda transaction: transaction.run("INSERT INTO users_allowed VALUES ('n', 'any', 0)"))
    threads = [
        threading.Thread(target=lambda: [database.run(increment) for _ in range(20)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    row = database.run(lambda transaction: transaction.row("SELECT job_limit FROM users_allowed"))
    assert row is not None
    assert row["job_limit"] == 80


def test_both_transactions_of_a_deadlock_are_done(private_mariadb: PrivateMariaDB) -> None:
    """MariaDB aborts one with error 1213; it is repeated, and no caller gets an error."""
    database = open_database(private_mariadb.create_database("deadlock"))
    schema.make(database)
    database.run(lambda one: one.run("INSERT INTO users_allowed VALUES ('a', 'any', 0), ('b', 'any', 0)"))
    each_has_one = threading.Barrier(2)
    tries: list[str] = []
    grow = "UPDATE users_allowed SET job_limit = job_limit + 1 WHERE user_name = %s"

    def work(first: str, second: str) -> None:
        again = False

        def both(transaction: Transaction) -> None:
            nonlocal again
            tries.append(first)
            transaction.run(grow, first)
            if not again:
                again = True
                each_has_one.wait(60)
            transaction.run(grow, second)

        database.run(both)

    threads = [threading.Thread(target=work, args=names) for names in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    rows = database.run(lambda one: one.rows("SELECT job_limit FROM users_allowed"), write=False)
    assert [row["job_limit"] for row in rows] == [2, 2]
    assert len(tries) == 3
    database.close()


def test_work_finds_the_rows_of_several_rivals(private_mariadb: PrivateMariaDB) -> None:
    """Each time that a rival has stored a row with the same unique key, the work is repeated and sees it."""
    address = private_mariadb.create_database("rivals")
    database, other = open_database(address), open_database(address)
    database.run(lambda one: one.run("CREATE TABLE numbers (number INTEGER PRIMARY KEY)"))
    insert = "INSERT INTO numbers VALUES (%s)"
    rivals = iter(range(3))

    def next_number(transaction: Transaction) -> int:
        row = transaction.row("SELECT COUNT(*) AS n FROM numbers")
        number = int(row["n"]) if row else -1
        if next(rivals, None) is not None:
            other.run(lambda one: one.run(insert, number))
        transaction.run(insert, number)
        return number

    assert database.run(next_number) == 3
    database.close()
    other.close()


def test_a_unique_key_that_stays_taken_is_error_3(database: Database) -> None:
    """Work that meets the same row each time is repeated a few times only."""
    database.run(lambda one: one.run("CREATE TABLE numbers (number INTEGER PRIMARY KEY)"))
    insert = "INSERT INTO numbers VALUES (%s)"
    database.run(lambda one: one.run(insert, 1))

    with pytest.raises(LGIError) as refused:
        database.run(lambda one: one.run(insert, 1))

    assert refused.value.number == ErrorNumber.DATABASE


def test_a_database_that_is_away_is_a_back_off(private_mariadb: PrivateMariaDB) -> None:
    """Nothing was done, so the caller may come back (error 1)."""
    away = open_database("mariadb://root@localhost/x?socket=/nonexistent/sock")

    with pytest.raises(LGIError) as refused:
        away.run(add)

    assert refused.value.number == ErrorNumber.BACK_OFF


def test_a_database_that_refuses_us_is_error_3(private_mariadb: PrivateMariaDB) -> None:
    """It is no back-off, because a repetition would not help."""
    refusing = open_database(f"mariadb://nobody-here@localhost/mysql?socket={private_mariadb.socket}")

    with pytest.raises(LGIError) as refused:
        refusing.run(add)

    assert refused.value.number == ErrorNumber.DATABASE


def test_a_kept_connection_that_the_server_closed_is_replaced(private_mariadb: PrivateMariaDB) -> None:
    """The first request after a restart of the database is answered."""
    database = open_database(private_mariadb.create_database("restarted"))
    schema.make(database)
    database.run(add)

    private_mariadb.stop()
    private_mariadb.start()

    assert count(database) == 1
    database.close()


@pytest.mark.parametrize(
    "address", ["sqlite:", "sqlite://host/x", "mariadb://u@h/", "mariadb://u@h/x?colour=red", "mysql://x/y"]
)
def test_an_invalid_address_of_a_database_is_refused(address: str) -> None:
    """The configuration is checked before anything is started."""
    with pytest.raises(ValueError, match=r"sqlite:|mariadb://"):
        open_database(address)
