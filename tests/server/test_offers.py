"""Several resources ask for work at the same moment: what each is offered, and what it keeps from others.

MariaDB only: with SQLite one changes the database at a time.
"""

from collections.abc import Iterator

import pytest

from lgi_server.db import open_database, schema
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables.job_queue import claims, jobs
from tests.support import queues
from tests.support.mariadb import PrivateMariaDB


@pytest.fixture
def database(private_mariadb: PrivateMariaDB) -> Iterator[Database]:
    """An empty project."""
    made = open_database(private_mariadb.create_database("offers"))
    schema.make(made)
    yield made
    made.close()


def take(
    transaction: Transaction, resource: str, limit: int = 10, wanted: tuple[str, ...] = (), start: int = 0
) -> list[int]:
    """The numbers of the jobs a resource is offered, held until its transaction ends."""
    offered = claims.claim_jobs(transaction, "hello_world", resource, wanted, start, limit=limit)
    return [job.job_id for job in offered]


def test_two_resources_that_ask_at_once_share_the_queue(database: Database) -> None:
    """The second is offered the jobs after those of the first, without waiting, which would have no end."""
    numbers = queues.fill(database, 60)

    def first(mine: Transaction) -> None:
        assert take(mine, "res1", 25) == numbers[:25]
        assert database.run(lambda other: take(other, "res2")) == numbers[25:35]
        assert database.run(lambda other: take(other, "res2", 100)) == numbers[25:]

    database.run(first)


@pytest.mark.parametrize("held", [0, 5, 29, 70, 150])
def test_a_search_passes_over_all_jobs_that_another_one_holds(database: Database, held: int) -> None:
    """However many these are, it finds the next ones in their order, and all that are left."""
    numbers = queues.fill(database, 160)

    def first(mine: Transaction) -> None:
        assert take(mine, "res1", held) == numbers[:held]
        assert database.run(lambda other: take(other, "res2", 10)) == numbers[held : held + 10]
        assert database.run(lambda other: take(other, "res2", 160)) == numbers[held:]

    database.run(first)


@pytest.mark.parametrize(
    ("resource", "wanted"), [("nobody", ()), ("res1", ("stranger",)), ("res1", ()), ("res1", ("!user0",))]
)
def test_a_search_that_passes_over_a_job_keeps_nobody_from_it(
    database: Database, resource: str, wanted: tuple[str, ...]
) -> None:
    """Skipped jobs, for other resources or of unwanted owners, stay unlocked during a long search."""
    numbers = queues.fill(database, 20, "res1", "res2")

    def search(mine: Transaction) -> None:
        held = take(mine, resource, 3, wanted)
        free = [number for number in numbers[::2] if number not in held]
        assert database.run(lambda other: take(other, "res2")) == numbers[1::2]
        assert database.run(lambda other: take(other, "res1", 20)) == free

    database.run(search)


def test_an_offer_is_empty_only_when_there_is_nothing_to_offer(database: Database) -> None:
    """A resource gets a job that only it may take, whoever requests work at the same time."""
    numbers = queues.fill(database, 70, *(f"res{number}" for number in range(7)))

    def ask(transaction: Transaction, number: int) -> None:
        assert take(transaction, f"res{number}") == numbers[number::7]
        if number:
            database.run(lambda other: ask(other, number - 1))

    database.run(lambda transaction: ask(transaction, 6))


def test_a_user_can_delete_a_job_that_others_only_look_at(database: Database) -> None:
    """A search holds up no change of the jobs it does not take: this one would wait for itself."""
    numbers = queues.fill(database, 10, "res1", "res2")

    def search(mine: Transaction) -> None:
        assert take(mine, "res2", 2) == [numbers[1], numbers[3]]
        assert database.run(lambda other: jobs.lock_row(other, numbers[0])) is not None

    database.run(search)


def test_the_state_of_a_job_once_it_is_held_decides(database: Database) -> None:
    """A job whose state, lock or targets have changed since it was found is not offered."""
    numbers = queues.fill(database, 5)
    for number, change in zip(
        numbers, ("state = 'running'", "lock_state = 1", "target_resources = 'res2'"), strict=False
    ):
        database.run(
            lambda one, number=number, change=change: one.run(
                f"UPDATE job_queue SET {change} WHERE job_id = %s", number
            )
        )

    # The names beside the jobs still say: queued, for any.
    assert database.run(lambda one: take(one, "res1")) == numbers[3:]
    assert database.run(lambda one: take(one, "res2")) == numbers[2:]


def test_the_second_look_uses_an_index(database: Database) -> None:
    """The jobs are found in their index in order and held by their number, one after the other."""
    queues.fill(database, 1000)
    database.run(lambda transaction: transaction.rows("ANALYZE TABLE job_queue, job_access"))
    asked: list[tuple[str, tuple[object, ...]]] = []

    class Recording(Transaction):
        def rows(self, sql: str, *parameters: object) -> list[object]:  # type: ignore[override]
            asked.append((sql, parameters))
            return super().rows(sql, *parameters)

    def look(mine: Transaction) -> None:
        take(mine, "res1")
        database.run(lambda other: take(Recording(other.connection, locks_rows=True), "res2"))

    database.run(look)
    sql, parameters = asked[-1]
    plan = database.run(lambda transaction: transaction.rows(f"EXPLAIN {sql}", *parameters))

    assert len(asked) == 2
    assert [(row["table"], row["type"], row["key"]) for row in plan][:2] == [
        ("<derived2>", "ALL", None),
        ("job", "eq_ref", "PRIMARY"),
    ]
    searches = [(row["type"], row["key"], row["Extra"]) for row in plan if row["table"] == "job"][1:]
    assert searches == 3 * [("ref", "job_target", "Using where; Using index")]
    # What is sorted is what the three have found together.
    sorts = [row["table"] for row in plan if "filesort" in str(row["Extra"])]
    assert sorts == ["<derived3>"]


@pytest.mark.parametrize("others", [100, 2000])
def test_jobs_for_others_cost_an_offer_nothing(database: Database, others: int) -> None:
    """A resource reads the jobs for any and its own, however many are queued before them for another."""
    queues.fill(database, others, "res1")
    numbers = queues.fill(database, 12, "any", "res2")
    database.run(lambda transaction: transaction.rows("ANALYZE TABLE job_queue, job_access"))

    def rows_read(transaction: Transaction) -> int:
        rows = transaction.rows("SHOW SESSION STATUS WHERE Variable_name IN ('Handler_read_next')")
        return int(rows[0]["Value"])

    def look(transaction: Transaction) -> int:
        before = rows_read(transaction)
        assert take(transaction, "res2") == numbers[:10]
        return rows_read(transaction) - before

    assert database.run(look) < 40
