"""Urgent jobs: given out before all others, so many at once as a group may have (wire.md 7, ours)."""

import json

import pytest

from lgi_protocol import xml
from lgi_protocol.errors import ServerError
from lgi_protocol.exchange import Exchange, Want
from lgi_protocol.job_end import End
from lgi_server.services.project import urgent_rights
from lgi_server.services.scheduling import fair_share, ordering
from tests.server.test_arrays import elements
from tests.server.test_arrays import refusal as array_refusal
from tests.support.exchanges import HELLO, daemon, end_of, references
from tests.support.grid import Grid, UserCalls

OTHER = "other"
SEVERAL = f"<{HELLO}> </{HELLO}> <{OTHER}> </{OTHER}>"


def permit(grid: Grid, limit: int, group: str = "theor") -> None:
    """Let a group have so many urgent jobs at once."""
    grid.database.run(lambda one: urgent_rights.allow(one, group, limit, servers="any"))


def refusal(user: UserCalls, **fields: str) -> str:
    """Why an urgent job is refused."""
    with pytest.raises(ServerError) as refused:
        user.submit(urgent="1", **fields)
    assert refused.value.number == 33
    return refused.value.message


def order(grid: Grid) -> None:
    """A schedule cycle."""
    ordering.order_queue(grid.database, fair_share.order, 7 * 86_400, 2_000_000_000)


def test_an_urgent_job_is_given_out_before_all_others(grid: Grid) -> None:
    """Whatever their priorities and the use of their users, before and after the queue is ordered."""
    permit(grid, 2)
    one, user, ben = daemon(grid), grid.user(), grid.user("ben@desk", ("math",))
    others = [ben.submit(priority="100"), ben.submit(), user.submit(priority="100")]
    urgent = [user.submit(urgent="1")]
    order(grid)
    urgent.append(user.submit(urgent="1", target_resources="res1@cluster"))
    user.post("interface_prioritize_jobs", job_ids=str(urgent[0]), priority="-100")
    order(grid)

    given = [job.description.job_id for job in one.want(5)]

    assert list(map(int, given[:2])) == urgent
    assert sorted(map(int, given[2:])) == sorted(others)


def test_urgent_jobs_of_all_applications_come_first(grid: Grid) -> None:
    """Of a resource that has room for some of the jobs of both applications only."""
    permit(grid, 2)
    one, user = daemon(grid, capabilities=SEVERAL), grid.user()
    for name in (HELLO, HELLO, OTHER):
        user.submit(application=name)
    urgent = [user.submit(application=name, urgent="1") for name in (OTHER, HELLO)]

    wants = (Want(HELLO, 3), Want(OTHER, 3))
    given = [job.description.job_id for job in one.post(Exchange(wants=wants, references=references(3))).jobs]

    assert set(map(int, given[:2])) == set(urgent)
    assert len(given) == 3


def test_a_want_is_not_exceeded_by_urgent_jobs(grid: Grid) -> None:
    """They count for what a resource would take of their application."""
    permit(grid, 1)
    one, user = daemon(grid, capabilities=SEVERAL), grid.user()
    user.submit()
    urgent = user.submit(urgent="1")

    wants = (Want(HELLO, 1), Want(OTHER, 3))
    given = one.post(Exchange(wants=wants, references=references(4))).jobs

    assert [int(job.description.job_id) for job in given] == [urgent]


def test_a_user_without_the_right_is_refused(grid: Grid) -> None:
    """The message names whom the right is missing, and what to do; nothing is stored."""
    grid.resource()

    message = refusal(grid.user())

    assert "urgent is refused: mark@laptop, theor may have no urgent jobs, no administrator has" in message
    assert "submit it without urgent" in message
    assert grid.rows("SELECT job_id FROM job_queue") == []


def test_a_group_has_no_more_urgent_jobs_at_once_than_its_limit(grid: Grid) -> None:
    """Queued, held and running ones of all its users count, those that have ended do not."""
    permit(grid, 2)
    grid.resource()
    user = grid.user()
    running = user.submit(urgent="1")
    grid.user("ben@desk", ("theor",)).submit(urgent="1", hold="1")
    user.submit()
    grid.set_job(running, state="running")

    message = refusal(user)
    grid.set_job(running, state="finished")
    user.submit(urgent="1")

    assert "theor has 2 of 2" in message
    assert "when one of these has ended" in message
    assert "theor has 2 of 2" in refusal(user)


def test_an_urgent_job_counts_for_one_of_the_groups_of_its_user(grid: Grid) -> None:
    """The first one that may have another; the others keep their places. A user counts as a group."""
    permit(grid, 1)
    permit(grid, 1, "cyttron")
    permit(grid, 1, "mark@laptop")
    grid.resource()
    user = grid.user()

    jobs = [user.submit(urgent="1", groups="theor,cyttron") for _ in range(3)]

    found = [user.post("interface_job_state", job_id=str(job), show="priority") for job in jobs]
    assert [one.value("job", "urgent") for one in found] == ["mark@laptop", "theor", "cyttron"]
    assert "mark@laptop has 1 of 1, theor has 1 of 1, cyttron has 1 of 1" in refusal(
        user, groups="theor,cyttron"
    )


def test_many_submits_in_one_call_count_one_after_the_other(grid: Grid) -> None:
    """Those above the limit are refused, the others stored."""
    permit(grid, 2)
    grid.resource()
    job = {"application": HELLO, "target_resources": "any", "urgent": "1"}

    answer = grid.user().post("interface_submit_jobs", jobs=json.dumps([job] * 3))

    assert answer.number("plans_urgent") == 1
    assert [xml.value(one, "error", "number") for one in answer.all("job")] == ["", "", "33"]


def test_an_array_above_the_limit_is_refused_before_and_while_it_is_submitted(grid: Grid) -> None:
    """Who asks first need not send the elements."""
    permit(grid, 2)
    grid.resource()
    user = grid.user()

    first = array_refusal(user, [], 3, application=HELLO, urgent="1")
    later = array_refusal(user, elements([1, 2, 3], urgent="1"), 3)

    assert "theor may have 2 urgent jobs at once, the array has 3" in first.message
    assert "because of element 3: urgent is refused: theor has 2 of 2 urgent jobs" in later.message
    assert grid.rows("SELECT job_id FROM job_queue") == []


def test_an_urgent_job_stays_urgent_when_it_is_queued_again(grid: Grid) -> None:
    """For its next try; it counted all the time."""
    permit(grid, 1)
    one, user = daemon(grid), grid.user()
    job = user.submit(urgent="1", retries="1", backoff="0")
    user.submit()
    (given,) = one.want()
    one.report(end_of(given, end=End(1)))

    (again,) = one.want()

    assert int(given.description.job_id) == int(again.description.job_id) == job


def test_a_job_that_is_submitted_again_is_not_urgent(grid: Grid) -> None:
    """Each urgent job is asked for by itself."""
    permit(grid, 5)
    grid.resource()
    user = grid.user()
    job = user.submit(urgent="1")
    grid.set_job(job, state="finished")

    user.post("interface_resubmit_jobs", job_ids=str(job))

    found = grid.rows("SELECT urgent_group FROM job_queue ORDER BY job_id")
    assert [row["urgent_group"] for row in found] == ["theor", ""]


def test_only_a_caller_who_asks_is_told_of_urgency(grid: Grid) -> None:
    """The answers to old programs are as they were."""
    permit(grid, 1)
    grid.resource()
    user = grid.user()
    job = str(user.submit(urgent="1"))

    usual = user.post("interface_job_state", job_id=job)
    asked = user.post("interface_job_state", job_id=job, show="priority")
    why = user.post("interface_explain_job", job_id=job)

    assert "urgent" not in usual.content
    assert asked.value("job", "urgent") == why.value("job", "urgent") == "theor"


@pytest.mark.parametrize("value", ["x", "1.5"])
def test_a_value_that_is_no_number_is_refused(grid: Grid, value: str) -> None:
    """As for the other fields of a plan; 0 stands for no."""
    grid.resource()
    user = grid.user()

    assert user.refusal("interface_submit_job", application=HELLO, target_resources="any", urgent=value) == 25
    assert user.submit(urgent="0") > 0
