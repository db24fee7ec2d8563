"""What has happened to jobs, and what they have used: recorded with each change, counted afterwards."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgi_protocol import comma_lists, xml
from lgi_protocol.reply import Reply
from lgi_server.config.scheduler import SchedulerSettings
from lgi_server.db.pool import Database
from lgi_server.services.scheduling import accounting, reaper
from lgi_server.services.scheduling.accounting import months_between
from lgi_server.tables import job_history as table
from lgi_server.tables import job_usage
from lgi_server.tables.job_history import StateChange
from tests.support.grid import Grid, UserCalls

HERE = {"application": "hello_world", "target_resources": "any"}
RES = "resource res1@cluster"
WEEK = 7 * 86_400


def told(reply: Reply) -> list[tuple[str, str, str, str]]:
    """The states, who and why of a history."""
    changes = xml.find_all(reply.content, "change")
    names = ("old_state", "new_state", "changed_by", "reason")
    return [tuple(xml.value(change.inside, name) for name in names) for change in changes]  # type: ignore[misc]


def past(user: UserCalls, job_id: int) -> list[tuple[str, str, str, str]]:
    """A job's history as a user sees it."""
    return told(user.post("interface_job_history", job_id=str(job_id)))


def used(user: UserCalls, **fields: str) -> list[list[str]]:
    """What was used, as a user sees it."""
    reply = user.post("interface_usage", **fields)
    names = ("month", "name", "application", "resource", "jobs", "seconds")
    return [
        [xml.value(each.inside, name) for name in names if xml.find(each.inside, name)]
        for each in xml.find_all(reply.content, "usage")
    ]


def test_every_change_of_state_is_recorded_and_outlives_the_job(grid: Grid) -> None:
    """Submitted, taken, finished and deleted; an update that leaves the state is none."""
    resource, user = grid.resource(), grid.user()
    before = int(time.time())
    job_id = user.submit()
    first = past(user, job_id)
    resource.lock(str(job_id))
    resource.update(str(job_id), state="running", target_resources="res1@cluster")
    resource.update(str(job_id), output=b"half")
    resource.update(str(job_id), state="finished")
    resource.sign_off()
    user.delete(job_id)
    last = user.post("interface_job_history", job_id=str(job_id))

    assert first == [("", "queued", "user mark@laptop", "submitted")]
    assert told(last) == [
        *first,
        ("queued", "running", RES, ""),
        ("running", "finished", RES, ""),
        ("finished", "deleted", "user mark@laptop", ""),
    ]
    times = [int(xml.value(one.inside, "time")) for one in xml.find_all(last.content, "change")]
    assert times == sorted(times)
    assert before <= times[0] <= int(time.time())
    assert grid.rows("SELECT job_id FROM job_queue") == []


def test_a_refused_change_is_not_recorded(grid: Grid) -> None:
    """It is in the same transaction as the change."""
    resource, user = grid.resource(), grid.user()
    job_id = user.submit()
    resource.lock(str(job_id))
    resource.update(str(job_id), state="running")
    with pytest.raises(Exception, match="cannot become"):
        resource.update(str(job_id), state="queued")

    assert [change[1] for change in past(user, job_id)] == ["queued", "running"]


def test_the_submit_keeps_its_time_when_a_queued_job_is_changed(grid: Grid) -> None:
    """An update without another state moves the job's time stamp, so the submit is recorded then."""
    resource, user = grid.resource(), grid.user()
    job_id = user.submit()
    submitted = grid.rows("SELECT state_time_stamp FROM job_queue")[0]["state_time_stamp"]
    resource.lock(str(job_id))
    resource.update(str(job_id), output=b"x")
    resource.update(str(job_id), output=b"y")

    assert grid.rows("SELECT change_time FROM job_history") == [{"change_time": submitted}]


def test_the_end_of_a_job_whose_begin_is_forgotten_records_no_other_submit(grid: Grid) -> None:
    """A job may run for longer than its history is kept."""
    resource, user = grid.resource(), grid.user()
    job_id = user.submit()
    resource.lock(str(job_id))
    resource.update(str(job_id), state="running", target_resources="res1@cluster")
    old = grid.rows("SELECT change_id FROM job_history WHERE job_id = %s", job_id)
    grid.database.run(lambda one: table.delete(one, [row["change_id"] for row in old]))
    resource.update(str(job_id), state="finished")

    assert len(old) == 2
    assert past(user, job_id) == [("running", "finished", RES, "")]


def test_a_job_of_a_resource_is_recorded_as_its_own(grid: Grid) -> None:
    """The record has the resource as author, and the first state."""
    resource, user = grid.resource(), grid.user()
    reply = resource.submit({"state": "running", "owners": "mark@laptop"} | HERE)

    assert past(user, reply.number("job", "job_id")) == [("", "running", RES, "submitted")]


def test_an_abort_tells_who_wanted_it(grid: Grid) -> None:
    """The history names the user who asked for it, then the resource that ended the job."""
    resource, user = grid.resource(), grid.user()
    job_id = user.submit()
    resource.lock(str(job_id))
    resource.update(str(job_id), state="running")
    resource.unlock(str(job_id))
    user.delete(job_id)

    assert past(user, job_id)[-1] == ("running", "aborting", "user mark@laptop", "")


def test_a_lost_job_is_queued_for_the_resources_it_was_submitted_for(grid: Grid) -> None:
    """Its daemon had made it its own; the history has the reason, and the first targets."""
    resource, user = grid.resource(), grid.user()
    job_id = user.submit()
    resource.lock(str(job_id))
    resource.update(str(job_id), state="running", target_resources="res1@cluster")
    resource.unlock(str(job_id))

    reaper.requeue_lost_jobs(grid.database, SchedulerSettings(), int(time.time()) + 4000)

    assert past(user, job_id)[-1] == ("running", "queued", "scheduler", "no pulse for 3600 s")
    assert grid.rows("SELECT state, target_resources FROM job_queue") == [
        {"state": "queued", "target_resources": "any"}
    ]
    (job,) = grid.resource("res2@cluster").request_work("hello_world", 0, 1).jobs
    assert int(job.job_id) == job_id


def test_only_readers_see_the_history_of_a_job(grid: Grid) -> None:
    """That of a deleted job is for its owners and administrators; 15 for a job that never existed."""
    grid.resource()
    mark, eve = grid.user(), grid.user("eve@desk", ("phys",))
    admin = grid.user("root@desk", ("admin",))
    job_id = mark.submit()
    refused = eve.refusal("interface_job_history", job_id=str(job_id))
    mark.delete(job_id)

    assert refused == eve.refusal("interface_job_history", job_id=str(job_id)) == 34
    assert len(past(mark, job_id)) == len(past(admin, job_id)) == 2
    assert mark.refusal("interface_job_history", job_id="999999") == 15
    assert mark.refusal("interface_job_history") == 19


def test_use_is_counted_by_user_group_application_resource_and_month(grid: Grid) -> None:
    """A job is in the sum of the users once; what others used only administrators see."""
    resource, mark = grid.resource(), grid.user()
    mark.groups = "theor, cyttron"
    eve = grid.user("eve@desk", ("phys",))
    for user in (mark, mark, eve):
        job_id = str(user.submit())
        resource.lock(job_id)
        resource.update(job_id, state="running", target_resources="res1@cluster")
        resource.update(job_id, state="finished")
        resource.unlock(job_id)
    waiting = mark.submit()
    changes = accounting.account(grid.database, WEEK)
    again = accounting.account(grid.database, WEEK)
    month = datetime.now(UTC).strftime("%Y%m")
    seconds = grid.rows("SELECT name, seconds FROM job_usage WHERE kind = 'user' ORDER BY name")
    of_mark, of_eve = str(seconds[1]["seconds"]), str(seconds[0]["seconds"])

    assert (changes, again) == (9, 0)
    assert int(of_mark) >= 2
    assert used(mark) == [[month, "mark@laptop", "2", of_mark]]
    assert used(mark, by="application,resource") == [["hello_world", "res1@cluster", "2", of_mark]]
    assert used(mark, kind="group", by="name") == [["cyttron", "2", of_mark], ["theor", "2", of_mark]]
    assert used(mark, month="190001") == []
    admin = grid.user("root@desk", ("admin",))
    assert used(admin) == [[month, "eve@desk", "1", of_eve], [month, "mark@laptop", "2", of_mark]]
    assert mark.refusal("interface_usage", kind="everybody") == 25
    assert mark.refusal("interface_usage", by="month, shoe_size") == 25
    assert waiting


def change(job_id: int, when: int, old: str, new: str, owners: str = "mark, theor") -> StateChange:
    """A change that res1 reports."""
    return StateChange(job_id, when, old, new, RES, "", "vasp", comma_lists.split(owners), ("any",))


def store(database: Database, *changes: StateChange) -> None:
    """Record changes as they are."""

    def work(transaction: object) -> None:
        for one in changes:
            table.record(transaction, change(one.job_id, 0, "", "queued"), one)  # type: ignore[arg-type]

    database.run(work)


JANUARY = int(datetime(2026, 1, 31, 23, tzinfo=UTC).timestamp())


def sums(database: Database, kind: str = "user") -> list[tuple[int, str, int, int]]:
    """Month, name, jobs and seconds of what was counted."""
    rows = database.run(
        lambda one: one.rows(
            "SELECT month, name, jobs, seconds FROM job_usage WHERE kind = %s ORDER BY month, name", kind
        ),
        write=False,
    )
    return [(row["month"], row["name"], row["jobs"], row["seconds"]) for row in rows]


def test_a_run_is_counted_in_the_months_it_ran_in(database: Database) -> None:
    """Its seconds count in each month, the job in its last month; one in progress does not count yet."""
    store(database, change(1, JANUARY, "queued", "running"), change(2, JANUARY, "queued", "running"))
    accounting.account(database, WEEK)
    early = sums(database)
    store(database, change(1, JANUARY + 2 * 3600, "running", "finished"))
    accounting.account(database, WEEK)

    assert early == []
    assert sums(database) == [(202601, "mark", 0, 3600), (202602, "mark", 1, 3600)]
    assert sums(database, "group") == [(202601, "theor", 0, 3600), (202602, "theor", 1, 3600)]
    assert [run.job_id for run in database.run(lambda one: job_usage.runs(one, [1, 2])).values()] == [2]


def test_a_run_lasts_from_its_first_state_to_its_last(database: Database) -> None:
    """A site-defined state and aborting belong to the same run; a job that is queued again has two runs."""
    words = ["queued", "running", "halfway", "aborting", "aborted"]
    store(
        database,
        *(change(1, JANUARY + 10 * at, *pair) for at, pair in enumerate(pairwise(words))),
        change(2, JANUARY, "queued", "running"),
        change(2, JANUARY + 7, "running", "queued"),
        change(2, JANUARY + 9, "queued", "running"),
        change(2, JANUARY + 10, "running", "finished"),
        change(3, JANUARY, "queued", "deleted"),
    )

    accounting.account(database, WEEK)

    assert sums(database) == [(202601, "mark", 3, 30 + 7 + 1)]


def test_a_job_that_is_given_back_has_not_run(database: Database) -> None:
    """Its resource started nothing of it; what runs it later counts."""
    back = replace(change(1, JANUARY + 2, "running", "queued"), reason="given back: too many cores")
    later = change(1, JANUARY + 3, "queued", "running"), change(1, JANUARY + 8, "running", "finished")
    store(database, change(1, JANUARY, "queued", "running"), back, *later)

    accounting.account(database, WEEK)

    assert sums(database) == [(202601, "mark", 1, 5)]


def test_a_note_that_is_stored_behind_the_end_of_a_run_begins_no_other(database: Database) -> None:
    """Another call may have recorded the end meanwhile; the deletion of the job would end that run."""
    store(
        database,
        change(1, JANUARY, "queued", "running"),
        change(1, JANUARY + 100, "running", "finished"),
        change(1, JANUARY + 100, "running", "running"),
        change(1, JANUARY + 900_000, "finished", "deleted"),
    )

    accounting.account(database, WEEK)

    assert sums(database) == [(202601, "mark", 1, 100)]


def test_many_changes_are_counted_in_batches(database: Database) -> None:
    """Each change counts once, for any number of changes and schedulers."""
    for begin in range(0, 700, 100):
        store(
            database,
            *(change(number, JANUARY, "queued", "running") for number in range(begin, begin + 100)),
            *(change(number, JANUARY + 3, "running", "finished") for number in range(begin, begin + 100)),
        )

    with ThreadPoolExecutor(4) as schedulers:
        counted = [schedulers.submit(accounting.account, database, WEEK) for _ in range(4)]

    assert sum(one.result() for one in counted) == 700 * 3
    assert sums(database) == [(202601, "mark", 700, 2100)]


def test_old_history_is_forgotten_and_its_use_is_not(database: Database) -> None:
    """Only old changes that were counted are deleted, also those of deleted jobs."""
    store(database, change(1, 1000, "queued", "running"), change(1, 2000, "running", "finished"))
    store(database, change(2, 3000, "queued", "running"))
    uncounted = accounting.forget_old(database, 2500)
    accounting.account(database, WEEK)
    forgotten = accounting.forget_old(database, 2500)
    left = database.run(lambda one: one.rows("SELECT job_id, new_state FROM job_history"), write=False)

    # The submit of job 2 is the third row that is old; its submit is from before.
    assert (uncounted, forgotten) == (0, 4)
    assert [(row["job_id"], row["new_state"]) for row in left] == [(2, "running")]
    assert sums(database) == [(197001, "mark", 1, 1000)]
    assert database.run(lambda one: job_usage.runs(one, [2])) == {}


@given(st.integers(0, 4 * 10**9), st.integers(0, 10**8))
def test_the_months_of_a_run_hold_all_its_seconds(begin: int, seconds: int) -> None:
    """The months are in their order, each once, and their seconds add up to the run."""
    months = list(months_between(begin, begin + seconds))

    assert sum(part for _, part in months) == seconds
    assert [month for month, _ in months] == sorted({month for month, _ in months})
    assert max(Counter(month for month, _ in months).values()) == 1
