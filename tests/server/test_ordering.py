"""The order of the queue in the database: what resources are offered, and in which order."""

import operator
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lgi_server.db import open_database, schema
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import history as recorded
from lgi_server.services.jobs import locking
from lgi_server.services.scheduling import fair_share, ordering
from lgi_server.services.scheduling.fair_share import QueuedJob, Usage
from lgi_server.services.scheduling.ordering import Rule
from lgi_server.tables import job_history, shares
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_history import StateChange
from lgi_server.tables.job_queue import claims, jobs, priorities, states
from lgi_server.tables.job_queue.priorities import Queue
from tests.support.grid import wait_for
from tests.support.mariadb import PrivateMariaDB
from tests.support.queues import queued_job

NOW, WEEK = 2_000_000_000, 7 * 86_400


_made = iter(range(10**9))
_QUEUE = ("application", "queued_for", "queued_by")


def queue(database: Database, user: str, count: int, target: str = "any", **columns: Any) -> None:
    """Queue jobs of a user, a second after those before."""

    def work(transaction: Transaction) -> None:
        for begin in range(0, count, 500):
            numbers = [next(_made) for _ in range(begin, min(begin + 500, count))]
            some = [
                replace(queued_job(number, target), owners=(user, "theor"), **columns) for number in numbers
            ]
            jobs.insert_all(transaction, some)

    database.run(work)


def order(database: Database, rule: Rule = fair_share.order) -> int:
    """A schedule cycle."""
    return ordering.order_queue(database, rule, WEEK, NOW)


def start(database: Database, count: int, resource: str = "res1", application: str = "hello_world") -> str:
    """Begin as many jobs as so many resources would; the first letters of their users, in order."""

    def work(transaction: Transaction) -> str:
        taken = claims.claim_jobs(transaction, application, resource, (), 0, limit=count)
        for job in taken:
            running = replace(job, state="running", state_time_stamp=NOW)
            states.set_state(transaction, job, running)
            recorded.record_change(transaction, job, running, f"resource {resource}")
        return "".join(job.owners[0][0] for job in taken)

    return database.run(work)


def test_every_queue_is_found_whatever_its_length(database: Database) -> None:
    """Longer and shorter ones of users, targets, wishes, priorities and applications: each once."""
    for number, count in enumerate((1, 3, 250, 1, 640, 2)):
        for target in ("any", "res1", "res1, res2"):
            queue(database, f"user{number}", count, target)
        queue(database, f"user{number}", count, licences="abaqus=1")
        queue(database, f"user{number}", 1, licences="abaqus=10")
        for priority in range(-3, 3):
            queue(database, f"user{number}", 40 * number + 1, "res3", user_priority=priority)
    queue(database, "anna", 2, application="vasp")
    queue(database, "zoe", 3, state="finished")

    def every(transaction: Transaction) -> list[Queue]:
        rows = transaction.rows(
            "SELECT DISTINCT application, queued_for, queued_by, queued_wish, user_priority FROM job_queue"
            " WHERE queued_for IS NOT NULL"
        )
        return [
            Queue(*(str(row[name]) for name in _QUEUE), int(row["queued_wish"]), int(row["user_priority"]))
            for row in rows
        ]

    there = database.run(every, write=False)
    found = database.run(priorities.queues, write=False)

    assert len(there) == 6 * 11 + 1
    assert sorted(map(repr, found)) == sorted(map(repr, there))


def test_long_queues_are_found_by_their_beginnings(private_mariadb: PrivateMariaDB) -> None:
    """No statement of a schedule cycle reads all jobs that wait: of a million that takes seconds."""
    made = open_database(private_mariadb.create_database("beginnings"))
    schema.make(made)
    for user in ("anna", "ben"):
        queue(made, user, 4000)
        queue(made, user, 2000, licences="abaqus=1")

    def reads(transaction: Transaction) -> int:
        rows = transaction.rows("SHOW SESSION STATUS LIKE %s", "Handler_read_%")
        return sum(int(row["Value"]) for row in rows)

    def cost(transaction: Transaction) -> int:
        before = reads(transaction)
        assert len(priorities.queues(transaction)) == 4
        return reads(transaction) - before

    read = made.run(cost, write=False)
    made.close()

    assert read < 6000


@pytest.mark.parametrize("resources", [1, 7, 1000])
def test_ten_jobs_do_not_wait_for_ten_thousand(database: Database, resources: int) -> None:
    """The first of them starts before the 100th job of the other user, for any number of resources."""
    queue(database, "anna", 10_000)
    started = start(database, resources)
    queue(database, "ben", 10)
    while "b" not in started:
        order(database)
        started += start(database, resources)
    after = started[resources:]

    # The other has jobs that run already, so it is even the very first.
    assert after.index("b") == 0


def test_users_take_turns_and_the_rest_is_first_in_first_out(database: Database) -> None:
    """Placed or not, every job is offered once, those of a user in the order of their submit."""
    queue(database, "anna", 600)
    queue(database, "ben", 5)
    order(database)

    assert start(database, 1000) == "ababababab" + 595 * "a"


def test_an_order_that_stands_is_not_written_again(database: Database) -> None:
    """A job more changes the numbers of few."""
    queue(database, "anna", 300)
    queue(database, "ben", 300)
    first = order(database)
    again = order(database)
    queue(database, "carl", 1)
    more = order(database)

    assert (first, again) == (500, 0)
    assert more == 1
    assert start(database, 4) == "abca"


def test_a_user_alone_is_left_as_submitted(database: Database) -> None:
    """Priorities stay the times of the submits."""
    queue(database, "anna", 20)

    assert order(database) == 0
    row = database.run(lambda one: one.row("SELECT MIN(priority) AS least FROM job_queue"))
    assert row is not None
    assert row["least"] >= 1000


def test_jobs_that_wait_for_licences_do_not_hold_up_others_of_their_user(database: Database) -> None:
    """A thousand of them take no turns among the jobs that want none, or others."""
    queue(database, "anna", 1000, licences="abaqus=1")
    queue(database, "ben", 300)
    queue(database, "anna", 3)
    order(database)

    assert start(database, 6) == "bababa"


def test_jobs_for_a_resource_that_is_off_do_not_hold_up_others_of_their_user(database: Database) -> None:
    """A thousand of them cost the user no turn."""
    queue(database, "anna", 1000, "off")
    queue(database, "ben", 300)
    queue(database, "anna", 3)
    order(database)

    assert start(database, 8) == "bababab" + "b"


def _know_target(transaction: Transaction, name: str) -> None:
    """Note the jobs that name a resource among their targets."""
    transaction.run(
        "INSERT INTO job_access (role, name, state_time_stamp, job_id, state, application)"
        " SELECT 'target', %s, 0, job_id, '', '' FROM job_queue WHERE INSTR(target_resources, %s) > 0",
        name,
        name,
    )


def test_a_resource_takes_what_is_for_it_any_or_several_in_one_order(database: Database) -> None:
    """Each job once, jobs for others never."""
    for number, target in enumerate(["any", "res1", "res2", "res2, res1", "any, res1", "res3, res4"] * 2):
        queue(database, "ab"[number % 2], 1, target)
    for several in ("res1", "res2"):
        database.run(partial(_know_target, name=several))
    taken = database.run(lambda one: claims.claim_jobs(one, "hello_world", "res1", (), 0, limit=100))
    count = database.run(lambda one: claims.count(one, "hello_world", "res1", ()))

    assert sorted(",".join(job.target_resources) for job in taken) == sorted(
        ["any", "res1", "res2,res1", "any,res1"] * 2
    )
    assert count == len(taken) == len({job.job_id for job in taken})
    assert [job.priority for job in taken] == sorted(job.priority for job in taken)


def test_applications_are_ordered_each_by_itself(database: Database) -> None:
    """A thousand jobs of one application take no place in another's."""
    queue(database, "anna", 5, application="vasp")
    queue(database, "anna", 20)
    queue(database, "ben", 5, application="vasp")
    order(database)

    assert start(database, 4, application="vasp") == "abab"
    assert start(database, 4) == "aaaa"


def ran(database: Database, user: str, hours: float) -> None:
    """Record a job of a user that has just run so long."""
    number = next(_made)
    told = ("resource res1", "", "hello_world", (user, "theor"), ("res1",))
    begin = NOW - int(hours * 3600)

    def work(transaction: Transaction) -> None:
        for when, old, new in (
            (begin, "", "queued"),
            (begin, "queued", "running"),
            (NOW, "running", "finished"),
        ):
            change = StateChange(number, when, old, new, *told)
            job_history.record(transaction, change, change if old else None)

    database.run(work)


def test_a_user_who_has_used_much_lately_waits_for_others(database: Database) -> None:
    """The use counts in jobs; an hour of a week ago counts half."""
    for _ in range(4):
        ran(database, "anna", 1)
    queue(database, "anna", 10)
    queue(database, "ben", 10)
    order(database)
    usage = ordering.read_usage(database, WEEK, NOW + WEEK)

    assert usage.seconds["user anna"] == pytest.approx(2 * 3600, rel=0.01)
    assert usage.seconds["group theor"] == pytest.approx(2 * 3600, rel=0.01)
    assert usage.typical == pytest.approx(3600, rel=0.01)
    assert start(database, 8) in {"bbbbabab", "bbbabababa"[:8]}


def test_jobs_that_run_count_before_they_have_ended(database: Database) -> None:
    """Each counts as a job of typical length, or by its time so far if that is longer."""
    queue(database, "anna", 4)
    change = partial(
        StateChange, owners=("anna", "theor"), target_resources=("any",), application="hello_world"
    )
    for number, begin in ((1, NOW - 10), (2, NOW - 10 * 3600)):
        running = change(number, begin, "queued", "running", "resource res1", "")
        database.run(lambda one, running=running: job_history.record(one, running))
    queue(database, "ben", 20)
    order(database)

    assert ordering.read_usage(database, WEEK, NOW).seconds["user anna"] == pytest.approx(11 * 3600, rel=0.05)
    assert start(database, 12).startswith("bbbbbbbbbb")


def test_weights_are_of_users_and_groups(database: Database) -> None:
    """An administrator gives them and takes them away."""
    database.run(lambda one: shares.set_weight(one, "user anna", 3.0))
    queue(database, "anna", 9)
    queue(database, "ben", 3)
    order(database)

    assert start(database, 12) == "abaaabaaabaa"
    assert database.run(lambda one: shares.remove_weight(one, "user anna"))
    assert not database.run(lambda one: shares.remove_weight(one, "user anna"))


SITE = '''
"""The newest first, and short applications' jobs of theor before all others."""


def order(jobs, usage):
    return sorted((job.job_id for job in jobs if "theor" in job.owners), reverse=True)
'''


def test_a_site_has_an_order_of_its_own(database: Database, tmp_path: Path) -> None:
    """One function in a file; what it forgets comes last, also for a user alone."""
    (tmp_path / "order.py").write_text(SITE)
    rule = ordering.load(tmp_path / "order.py")
    queue(database, "anna", 3)
    queue(database, "ben", 1)
    order(database, rule)
    first = start(database, 2)
    order(database, lambda jobs, usage: [7, *[job.job_id for job in jobs][:1]])

    assert first == "ba"
    assert start(database, 5) == "aa"


@pytest.mark.parametrize("text", ["", "order = 3", "def order(:", "import no_such_module_here"])
def test_a_file_without_a_usable_function_is_refused(tmp_path: Path, text: str) -> None:
    """Before the scheduler starts, with the file's name."""
    (tmp_path / "order.py").write_text(text)

    with pytest.raises(ValueError, match=r"share_order = .*order\.py: "):
        ordering.load(tmp_path / "order.py")


def test_resources_take_each_job_once_while_the_order_changes(private_mariadb: PrivateMariaDB) -> None:
    """No job is taken twice or left, and no call is refused because of the scheduler."""
    database = open_database(private_mariadb.create_database("while_ordering"))
    schema.make(database)
    taken: list[int] = []
    cycles = 0

    def take(number: int) -> None:
        resource = ResourceRow(number, f"res{number}", "", "", 0, 0, "")

        def work(transaction: Transaction) -> list[int]:
            found = claims.claim_jobs(transaction, "hello_world", resource.resource_name, (), 0, limit=5)
            locking.lock_all(transaction, found, resource, number, NOW)
            return [job.job_id for job in found]

        while some := database.run(work):
            taken.extend(some)
            # Not all at once: the order is to change between them.
            wait_for(lambda: cycles > 3 or len(taken) < 200 * (cycles + 1))

    for user in ("anna", "ben", "carl"):
        queue(database, user, 400)
    with ThreadPoolExecutor(5) as threads:
        takers = [threads.submit(take, number) for number in range(4)]
        while not all(one.done() for one in takers):
            # Every time another order, so that all of it is written.
            order(database, lambda jobs, usage: [job.job_id for job in jobs][::-1])
            cycles += 1
        for one in takers:
            one.result()
    database.close()

    assert len(taken) == len(set(taken)) == 1200
    assert cycles > 3


def test_a_function_of_the_site_can_change_nothing_but_the_order(database: Database) -> None:
    """Jobs and usage are read only, and the same for the next application, whatever the function tries."""
    for application in ("hello_world", "vasp"):
        queue(database, "anna", 2, application=application)
        queue(database, "ben", 2, application=application)
    database.run(lambda one: shares.set_weight(one, "user anna", 3.0))
    tries: list[str] = []
    seen: list[object] = []

    def meddle(given: Sequence[QueuedJob], usage: Usage) -> list[int]:
        seen.append((len(given), dict(usage.weights), dict(usage.seconds)))
        changes: list[Callable[[], object]] = [
            lambda: setattr(given[0], "target_resources", ("res9",)),
            lambda: given[0].target_resources.append("res9"),  # type: ignore[attr-defined]
            lambda: given.clear(),  # type: ignore[attr-defined]
            lambda: operator.setitem(usage.weights, "user ben", 9.0),  # type: ignore[call-overload]
            lambda: operator.setitem(usage.seconds, "user ben", 9.0),  # type: ignore[call-overload]
            lambda: setattr(usage, "typical", 1.0),
        ]
        for change in changes:
            with pytest.raises((AttributeError, TypeError)):
                change()
            tries.append("refused")
        return [10**8, *(job.job_id for job in reversed(given))]

    order(database, meddle)

    assert len(tries) == 12
    assert seen[0] == seen[1]
    rows = database.run(lambda one: one.rows("SELECT DISTINCT target_resources FROM job_queue"), write=False)
    assert [row["target_resources"] for row in rows] == ["any"]
    assert start(database, 4) == "bbaa"
