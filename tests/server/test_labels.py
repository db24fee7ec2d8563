"""Names and labels of jobs: stored with a submit, shown to who asks, filters of lists (wire.md 7, ours)."""

import json
import re
import time
from pathlib import Path

import pytest

from lgi_protocol.reply import Reply
from lgi_server.db import open_database, schema
from lgi_server.services.scheduling import reaper
from lgi_server.tables.job_queue.selection import Selection
from tests.server.test_jobs import ids
from tests.server.test_submit_once import jobs
from tests.server.test_upkeep import HOUR, SETTINGS
from tests.support.grid import Grid, UserCalls, refusal

LIST = "interface_job_state"
SWEEP = {"job_name": "sweep", "labels": "T=300\nbasis=6-31G(d,p)"}


def listed(user: UserCalls, **fields: str) -> list[int]:
    """The numbers of the jobs that pass the filters."""
    return ids(user.post(LIST, **fields))


def job_of(reply: Reply) -> str:
    """The content of the only job."""
    (text,) = reply.all("job")
    return text


def test_a_job_keeps_its_name_and_labels(grid: Grid) -> None:
    """They are shown in lists and details to who asks for them, in the order of their keys."""
    grid.resource()
    user = grid.user()
    job_id = user.submit(**SWEEP)

    details, in_list = (
        Reply(job_of(user.post(LIST, job_id=text, show="labels"))) for text in (str(job_id), "")
    )

    for job in (details, in_list):
        assert job.value("job_name") == "sweep"
        assert [text.strip() for text in job.all("label")] == ["T=300", "basis=6-31G(d,p)"]


def test_an_answer_has_nothing_new_for_who_does_not_ask(grid: Grid) -> None:
    """The lists, details and submits of older programs are as they were, also of a job with a name."""
    grid.resource()
    user = grid.user()
    plain, named = user.submit(), user.submit(**SWEEP)

    shapes = {
        tuple(re.findall(r"<([a-z_]+)>", job_of(user.post(LIST, job_id=str(job_id)))))
        for job_id in (plain, named)
    }
    whole = user.post(LIST).content

    assert len(shapes) == 1
    assert not any(word in whole for word in ("sweep", "label", "submitted", "started"))


def test_the_answer_to_a_submit_shows_what_is_asked_for(grid: Grid) -> None:
    """By which a program sees that the server keeps names."""
    grid.resource()

    reply = grid.user().post("interface_submit_job", **_submit(SWEEP), show="labels")

    assert reply.value("job", "job_name") == "sweep"


def _submit(more: dict[str, str]) -> dict[str, str]:
    return {"application": "hello_world", "target_resources": "any"} | more


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"job_name": "a\tb"}, "control characters"),
        ({"job_name": "x" * 101}, "101 bytes, at most 100"),
        ({"labels": "T"}, "not written as KEY=VALUE"),
        ({"labels": "T="}, "not written as KEY=VALUE"),
        ({"labels": "1T=3"}, "the key of a label cannot be '1T'"),
        ({"labels": "T=3\nT=4"}, "the label T is given twice, as '3' and '4'"),
        ({"labels": f"T={'x' * 101}"}, "at most 100 are allowed"),
        ({"labels": "\n".join(f"k{number}=1" for number in range(17))}, "17 labels, at most 16"),
    ],
)
def test_a_name_or_label_that_is_not_allowed_is_refused(grid: Grid, fields: dict[str, str], why: str) -> None:
    """With what is wrong, alone and among many; nothing is stored."""
    grid.resource()
    user = grid.user()

    alone = user.post("interface_submit_jobs", jobs=json.dumps([_submit(fields)]))

    assert refusal(lambda: user.submit(**fields)) == alone.number("job", "error", "number") == 33
    assert why in alone.value("job", "error", "message")
    assert (jobs(grid), grid.rows("SELECT * FROM job_access")) == ([], [])


def test_a_list_is_filtered_by_name_and_labels(grid: Grid) -> None:
    """All of those that are posted must match, each exactly; with every other filter, page and count."""
    grid.resource()
    user = grid.user()
    cold = user.submit(job_name="sweep", labels="T=100\nkind=md")
    warm = user.submit(job_name="sweep", labels="T=300\nkind=md")
    other = user.submit(job_name="single", labels="kind=md")
    user.submit()

    assert listed(user, job_name="sweep") == [cold, warm]
    assert listed(user, labels="kind=md") == [cold, warm, other]
    assert listed(user, labels="kind=md\nT=300") == [warm]
    assert (
        listed(user, labels="T=30") == listed(user, job_name="swee") == listed(user, labels="T=sweep") == []
    )
    assert listed(user, job_name="sweep", state="queued", start="1") == [warm]
    assert listed(user, job_name="sweep", state="finished") == []
    assert user.post(LIST, labels="kind=md", limit="0").number("number_of_jobs") == 3


def test_a_filter_by_label_follows_the_state_of_a_job(grid: Grid) -> None:
    """Its rows change with those of the readers, and go with the job."""
    resource = grid.resource()
    user = grid.user()
    job_id, other = user.submit(**SWEEP), user.submit(**SWEEP)
    resource.lock(str(job_id))
    resource.update(str(job_id), state="running", target_resources="res1@cluster")
    resource.update(str(job_id), state="finished", exit_code="4")
    resource.unlock(str(job_id))

    assert listed(user, job_name="sweep", ended="failed") == [job_id]
    assert listed(user, job_name="sweep", state="queued") == [other]
    assert listed(user, job_name="sweep") == [other, job_id]

    user.delete(job_id)

    assert listed(user, job_name="sweep") == [other]
    assert grid.rows("SELECT * FROM job_access WHERE job_id = %s", job_id) == []


def test_a_name_shows_nobody_the_jobs_of_others(grid: Grid) -> None:
    """A filter finds what its caller may read: own jobs and shared ones."""
    grid.resource()
    mark, frank = grid.user(), grid.user("frank@desk", ("chem",))
    mark.submit(**SWEEP)
    shared, public = mark.submit(read_access="chem", **SWEEP), mark.submit(read_access="any", **SWEEP)

    assert listed(frank, job_name="sweep") == [shared, public]
    assert frank.post(LIST, job_name="sweep", limit="0").number("number_of_jobs") == 2


def test_a_list_is_filtered_by_owner_resource_time_and_number(grid: Grid) -> None:
    """Each alone or with others."""
    resource = grid.resource()
    mark, frank = grid.user(), grid.user("frank@desk", ("chem",))
    first, second, third = (mark.submit(read_access="any") for _ in range(3))
    foreign = frank.submit(read_access="any")
    resource.lock(str(second))
    resource.update(str(second), state="running", target_resources="res1@cluster")
    grid.set_job(first, state_time_stamp=5)

    assert sorted(listed(mark, owner="mark@laptop", since="6")) == [second, third]
    assert listed(mark, owner="frank@desk") == [foreign]
    assert listed(mark, resource="res1@cluster") == [second]
    assert sorted(listed(mark, job_ids=f"{first}, {third}-{foreign}")) == [first, third, foreign]
    assert listed(frank, job_ids=f"{first}-{foreign}", owner="frank@desk") == [foreign]


def test_an_answer_repeats_the_filters_it_knows(grid: Grid) -> None:
    """Older servers ignore them: a command that deletes what a list has must know that."""
    user = grid.user()
    filters = {
        "job_name": "x",
        "labels": "a=b",
        "owner": "o",
        "resource": "r",
        "since": "7",
        "job_ids": "1-2",
    }

    reply = user.post(LIST, **filters)

    assert {name: reply.value(name) for name in filters} == filters
    assert user.post(LIST).value("job_name") == ""


@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ({"job_ids": "1-"}, 19),
        ({"job_ids": "x"}, 19),
        ({"job_ids": ", ".join(map(str, range(1001)))}, 47),
        ({"since": "yesterday"}, 25),
        ({"labels": "kind"}, 33),
    ],
)
def test_a_filter_that_cannot_be_understood_is_refused(
    grid: Grid, fields: dict[str, str], number: int
) -> None:
    """It selects no jobs, and above all not all of them."""
    assert grid.user().refusal(LIST, **fields) == number


def test_a_job_shows_when_it_was_submitted_started_and_ended(grid: Grid) -> None:
    """As far as that has happened; who asks for times gets them in lists and details."""
    resource = grid.resource()
    user = grid.user()
    job_id = str(user.submit())
    queued = Reply(job_of(user.post(LIST, show="times")))
    resource.lock(job_id)
    resource.update(job_id, state="running", target_resources="res1@cluster")
    resource.unlock(job_id)
    running = Reply(job_of(user.post(LIST, show="times, labels")))
    resource.lock(job_id)
    resource.update(job_id, state="finished", exit_code="0")
    resource.unlock(job_id)
    ended = Reply(job_of(user.post(LIST, job_id=job_id, show="times")))

    submitted, started = queued.number("submitted"), running.number("started")
    assert (queued.value("started"), queued.value("ended"), running.value("ended")) == ("", "", "")
    assert 0 < submitted < started < ended.number("ended")
    assert (ended.number("submitted"), ended.number("started")) == (submitted, started)


def test_a_job_that_is_queued_again_has_not_started(grid: Grid) -> None:
    """The next start counts."""
    resource = grid.resource()
    user = grid.user()
    job_id = str(user.submit())
    resource.lock(job_id)
    resource.update(job_id, state="running", target_resources="res1@cluster")
    resource.unlock(job_id)

    reaper.requeue_lost_jobs(grid.database, SETTINGS, int(time.time()) + 2 * HOUR)

    listed = user.post(LIST, show="times")
    assert Reply(job_of(listed)).value("state") == "queued"
    assert "started" not in listed.content


def test_the_history_keeps_the_name_of_a_deleted_job(grid: Grid) -> None:
    """With its submit, to who asks; who does not sees what older servers answer."""
    grid.resource()
    user = grid.user()
    job_id = user.submit(**SWEEP)
    user.delete(job_id)

    asked = user.post("interface_job_history", job_id=str(job_id), show="labels")
    plain = user.post("interface_job_history", job_id=str(job_id))

    first, last = map(Reply, asked.all("change"))
    assert (first.value("job_name"), [one.strip() for one in first.all("label")]) == (
        "sweep",
        ["T=300", "basis=6-31G(d,p)"],
    )
    assert "sweep" not in last.content + plain.content


def test_a_few_numbers_are_looked_up_on_sqlite_too(tmp_path: Path) -> None:
    """A reader of a million jobs asks for thirty: the order of the list does not make it read all of them."""
    database = open_database(f"sqlite:{tmp_path}/plans.sqlite")
    schema.make(database)
    selection = Selection(("admin",), numbers=((3, 3), (12, 40)))
    ((rows, row_values),), (where, values) = selection.rows_of("admin"), selection.filters("admin")
    sql = (
        f"SELECT job_id FROM job_access AS one WHERE {rows}{where} ORDER BY state_time_stamp, job_id LIMIT 10"
    )

    plan = database.run(
        lambda transaction: transaction.rows(f"EXPLAIN QUERY PLAN {sql}", *row_values, *values), write=False
    )

    database.close()
    assert "access_of_job (job_id=?)" in str([tuple(row) for row in plan])
