"""Priorities of users: the order of their own jobs, and of nobody else's."""

import pytest

from lgi_server.db.pool import Database
from lgi_server.services.scheduling import ordering
from lgi_server.tables.job_queue import claims, priorities
from tests.server.test_ordering import order, queue, start


def claimed(database: Database, count: int) -> list[int]:
    """The priorities that users have given to the first jobs, in the order in which resources get them."""
    taken = database.run(lambda one: claims.claim_jobs(one, "hello_world", "res1", (), 0, limit=count))
    return [job.user_priority for job in taken]


def test_the_jobs_of_a_user_alone_are_ordered_by_their_priorities(database: Database) -> None:
    """Those of one priority as they were submitted; negative ones come last."""
    queue(database, "anna", 3, user_priority=-5)
    queue(database, "anna", 3)
    queue(database, "anna", 3, user_priority=100)

    assert order(database) == 9
    assert claimed(database, 9) == [100] * 3 + [0] * 3 + [-5] * 3
    assert order(database) == 0


def test_priorities_take_no_turn_from_another_user(database: Database) -> None:
    """They take turns as if there were no priorities."""
    queue(database, "anna", 5)
    queue(database, "ben", 5)
    queue(database, "anna", 5, user_priority=100)
    queue(database, "ben", 2, user_priority=-100)
    order(database)

    first = claimed(database, 17)

    assert first[0:10:2] == [100] * 5
    assert first[1:10:2] == [0] * 5
    assert order(database) == 0
    assert start(database, 17) == "ab" * 7 + "aaa"


@pytest.mark.parametrize("users", ["a", "ab"])
def test_urgent_work_of_a_user_goes_before_a_long_queue_that_is_ordered_already(
    database: Database, users: str
) -> None:
    """Of which none keeps a place before a job of higher priority, however many jobs these are."""
    for user in users:
        queue(database, f"{user}nna", 1200)
    queue(database, "anna", 1, user_priority=1)
    order(database)
    queue(database, "anna", 700, user_priority=50)
    while order(database):
        pass

    own = []
    while len(own) < 701:
        taken = claimed(database, 100)
        letters = start(database, 100)
        own += [one for one, letter in zip(taken, letters, strict=True) if letter == "a"]
        order(database)

    assert own[:701] == [50] * 700 + [1]


def test_many_priorities_of_one_user_place_no_more_jobs_than_one(database: Database) -> None:
    """Otherwise a user would get more turns by giving each job another one."""
    for priority in range(-20, 20):
        queue(database, "anna", 20, user_priority=priority)
    queue(database, "ben", 300)
    order(database)

    placed = database.run(lambda one: one.rows("SELECT queued_by FROM job_queue WHERE priority < 0"))

    assert [row["queued_by"] for row in placed].count("anna") <= ordering.MOST // 2
    assert start(database, 200) == "ab" * 100


def test_a_job_that_is_lowered_loses_its_place(database: Database) -> None:
    """It has a place before all until the next cycle at most."""
    queue(database, "anna", 10)
    queue(database, "ben", 10)
    order(database)
    rows = database.run(lambda one: one.rows("SELECT job_id FROM job_queue ORDER BY job_id"))
    first = int(rows[0]["job_id"])

    database.run(lambda one: priorities.set_user_priority(one, [first], -1))
    order(database)

    assert claimed(database, 20).index(-1) >= 18
