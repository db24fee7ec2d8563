"""The queues of many users are found in a few steps each, however many jobs these have."""

from dataclasses import replace

from lgi_server.db import open_database, schema
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables.job_queue import jobs, priorities
from tests.support.mariadb import PrivateMariaDB
from tests.support.queues import queued_job


def queue(database: Database, user: str, count: int, begin: int = 0, **columns: int) -> None:
    """Queue jobs of a user, whose numbers start at ``begin``."""
    some = [
        replace(queued_job(begin + number), owners=(user, "theor"), **columns)  # type: ignore[arg-type]
        for number in range(count)
    ]
    database.run(lambda transaction: jobs.insert_all(transaction, some))


def test_users_with_few_jobs_are_found_among_those_with_many(database: Database) -> None:
    """Ranges of the index find some of them and steps the others, in the order of names."""
    users = [f"user{number:02}" for number in range(60)]
    for number, user in enumerate(users):
        queue(database, user, 250 if number % 3 else 1, 1000 * number)
        queue(database, user, 2, 1000 * number + 500, user_priority=number % 5 - 2)

    found = database.run(priorities.queues, write=False)

    keys = [(one.user, one.user_priority) for one in found]
    assert sorted(keys) == sorted(set(keys))
    assert set(keys) == {(user, own) for number, user in enumerate(users) for own in (0, number % 5 - 2)}


def test_a_user_with_a_long_queue_costs_one_statement_that_reads_no_jobs(
    private_mariadb: PrivateMariaDB,
) -> None:
    """A schedule cycle of a thousand users with a thousand jobs each read 400,000 entries."""
    made = open_database(private_mariadb.create_database("many_queues"))
    schema.make(made)
    for number in range(100):
        queue(made, f"user{number}", 210, 1000 * number)

    def status(transaction: Transaction, name: str) -> int:
        rows = transaction.rows("SHOW SESSION STATUS LIKE %s", name)
        return sum(int(row["Value"]) for row in rows)

    def cost(transaction: Transaction) -> tuple[int, int]:
        before = status(transaction, "Handler_read_%"), status(transaction, "Com_select")
        assert len(priorities.queues(transaction)) == 100
        read, statements = status(transaction, "Handler_read_%"), status(transaction, "Com_select")
        return read - before[0], statements - before[1]

    read, statements = made.run(cost, write=False)
    made.close()

    # Of 21,000 jobs a range reads 200 of one user, then 16 users cost no more than four steps each.
    assert read < 100 * 4 + 7 * 201 + 50
    assert statements < 100 + 20
