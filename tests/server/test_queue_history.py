"""The history of the queue, by hour and by day: counted by schedulers, drawn on the start page."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from lgi_server.db.pool import Database
from lgi_server.services.scheduling import accounting, queue_history
from lgi_server.services.scheduling.queue_history import DAY, HOUR
from lgi_server.tables import job_history
from lgi_server.tables import queue_history as table
from lgi_server.tables.job_history import StateChange
from lgi_server.tables.job_queue import queue_lengths
from lgi_server.tables.queue_history import PROJECT, QueueSpan
from tests.support import queues
from tests.support.grid import Grid
from tests.support.pages import Browser

WEEK = 7 * DAY
NOON = 1_800_000_000 - 1_800_000_000 % DAY + 12 * HOUR


def spans(database: Database, name: str, seconds: int = HOUR) -> dict[int, QueueSpan]:
    """The spans of a name by their begins, in hours from noon."""
    found = database.run(lambda one: table.since(one, name, seconds, 0), write=False)
    return {(begins - NOON) // HOUR: span for begins, span in found.items()}


def end(job_id: int, when: int, why: str, state: str = "finished", owners: str = "mark") -> StateChange:
    """The end of a job that has run."""
    return StateChange(job_id, when, "running", state, "resource r", why, "vasp", (owners, "theor"), ("any",))


def store(database: Database, *changes: StateChange) -> None:
    """Record changes as they are, with their begins."""

    def work(transaction: object) -> None:
        for one in changes:
            begin = replace(one, old_state="queued", new_state="running", reason="")
            job_history.record_all(transaction, [begin, one])  # type: ignore[arg-type]

    database.run(work)


def test_ended_jobs_count_in_the_hour_and_the_day_of_their_end(database: Database) -> None:
    """Each once, for its user and the project; aborted ones and those with a failure have failed."""
    store(
        database,
        end(1, NOON, "exit code 0"),
        end(2, NOON + 3599, "exit code 3: no licence"),
        end(3, NOON + 3600, "killed by signal 9", owners="eve"),
        end(4, NOON + 3600, "", "aborted"),
        end(5, NOON - DAY, "reason of a site"),
    )

    accounting.account(database, WEEK)
    accounting.account(database, WEEK)

    assert spans(database, PROJECT) == {
        -24: QueueSpan(ended=1),
        0: QueueSpan(ended=2, failed=1),
        1: QueueSpan(ended=2, failed=2),
    }
    assert spans(database, "eve") == {1: QueueSpan(ended=1, failed=1)}
    assert spans(database, "mark", DAY) == {-36: QueueSpan(ended=1), -12: QueueSpan(ended=3, failed=2)}


def test_schedulers_count_each_end_once(database: Database) -> None:
    """Several of them at once, also those of front ends on the same database."""
    store(database, *(end(number, NOON + number, "exit code 1") for number in range(700)))

    with ThreadPoolExecutor(4) as schedulers:
        for one in [schedulers.submit(accounting.account, database, WEEK) for _ in range(4)]:
            one.result()

    assert spans(database, PROJECT) == {0: QueueSpan(ended=700, failed=700)}


def test_the_most_jobs_of_a_span_are_kept(grid: Grid) -> None:
    """By user and in all, in the hour and in the day, whatever the queue is later."""
    grid.resource()
    mark, eve = grid.user(), grid.user("eve@desk", ("phys",))
    jobs = [mark.submit(), mark.submit(), eve.submit(target_resources="res1@cluster")]
    queue_history.count_queue(grid.database, NOON)
    grid.set_job(jobs[0], state="finished")
    queue_history.count_queue(grid.database, NOON + 300)
    queue_history.count_queue(grid.database, NOON + HOUR)

    assert spans(grid.database, PROJECT) == {0: QueueSpan(3, 0), 1: QueueSpan(2, 0)}
    assert spans(grid.database, "mark@laptop") == {0: QueueSpan(2, 0), 1: QueueSpan(1, 0)}
    assert spans(grid.database, "eve@desk", DAY) == {-12: QueueSpan(1, 0)}


def test_a_long_queue_is_counted_in_parts(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each transaction counts the jobs of some users, then the calls of others have their turn."""
    queues.fill(database, 300, "any", "res1", "res1, res2")
    monkeypatch.setattr(queue_history, "COUNTED_AT_ONCE", 10)
    rests: list[float] = []

    queue_history.count_queue(database, NOON, rest=rests.append)

    assert spans(database, PROJECT) == {0: QueueSpan(300, 0)}
    assert spans(database, "user7") == spans(database, "user70") == {0: QueueSpan(3, 0)}
    # Of a target there is one job of each of 100 users.
    assert len(rests) == 3 * 10
    assert min(rests) > 0


def test_a_part_of_a_queue_has_whole_users(database: Database) -> None:
    """It goes on after the last one of the part before, in the order of the database."""
    queues.fill(database, 250)

    def part(after: str) -> list[tuple[str, int]]:
        found = database.run(
            lambda one: queue_lengths.by_user(one, "hello_world", "any", after, 7), write=False
        )
        return list(found.items())

    assert part("") == [("user0", 3), ("user1", 3), ("user10", 3)]
    assert part("user10") == [("user11", 3), ("user12", 3), ("user13", 3)]
    assert part("user98") == [("user99", 2)]
    assert part("user99") == []


def test_running_jobs_are_those_of_the_accounts(grid: Grid) -> None:
    """A job runs from its first state that is not queued; its groups are not its user."""
    changes = [replace(end(number, NOON, ""), old_state="queued", new_state="running") for number in (1, 2)]
    grid.database.run(lambda one: job_history.record_all(one, changes))
    accounting.account(grid.database, WEEK)

    queue_history.count_queue(grid.database, NOON)

    assert spans(grid.database, PROJECT) == spans(grid.database, "mark") == {0: QueueSpan(0, 2)}
    assert spans(grid.database, "theor") == {}


def test_old_spans_are_forgotten(database: Database) -> None:
    """Hours after days, days after weeks: the table does not grow with the age of a project."""
    for ago in (0, 2, 4, 61, 63):
        queue_history.count_queue(database, NOON - ago * DAY)

    database.run(lambda one: queue_history.forget_old(one, NOON + HOUR))

    assert sorted(spans(database, PROJECT)) == [-48, 0]
    assert len(spans(database, PROJECT, DAY)) == 4


@pytest.fixture
def now() -> int:
    """The present time."""
    return int(time.time())


def drawn(grid: Grid, path: str = "") -> dict[str, list[list[str]]]:
    """The numbers of the start page over time: the row of each span that is not empty."""
    page = Browser(grid).get(path)
    rows = page.tree.xpath("//table[.//th[text()='Ended']]//tr")
    texts = [[cell.text_content() for cell in row] for row in rows]
    return {"head": texts[:1], "rows": texts[1:]}


@pytest.mark.one_database
def test_the_start_page_draws_the_queue(grid: Grid, now: int) -> None:
    """Own jobs beside those of the project, in 24 hours or 30 days; of other users nothing is seen."""
    grid.resource()
    grid.user().submit()
    grid.user("eve@desk", ("phys",)).submit(job_name="secret")
    queue_history.count_queue(grid.database, now)

    day, month = drawn(grid), drawn(grid, "?period=month")
    page = Browser(grid).get()

    assert day["head"] == [["Hour", "Yours queued", "Yours running", "Queued", "Running", "Ended", "Failed"]]
    assert (len(day["rows"]), len(month["rows"])) == (24, 30)
    # Of the last span, or of the one before it when an hour or a day has begun since the count.
    for rows in (day["rows"], month["rows"]):
        assert [row[1:] for row in rows[-2:] if row[1] != "-"] == [["1", "0", "2", "0", "0", "0"]]
        assert {tuple(row[1:]) for row in rows[:-2]} == {("-", "-", "-", "-", "0", "0")}
    assert len(page.tree.xpath("//svg[contains(@class, 'levels')]")) == 2
    assert "eve@desk" not in page.text
    assert "secret" not in page.text


@pytest.mark.one_database
def test_a_period_that_is_unknown_is_a_day(grid: Grid, now: int) -> None:
    """What is no word at all is refused, as everywhere, and is no part of the page."""
    queue_history.count_queue(grid.database, now)

    assert [len(drawn(grid, f"?period={word}")["rows"]) for word in ("century", "")] == [24, 24]
    for hostile in ("%22%3E%3Cscript%3E", "x" * 900):
        page = Browser(grid).get(f"?period={hostile}")
        assert (page.status, page.tree.xpath("//script[not(@src)]")) == (400, [])
