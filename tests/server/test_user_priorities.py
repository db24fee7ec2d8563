"""interface_prioritize_jobs, and the priority of a submit (wire.md 7, ours)."""

import pytest

from lgi_protocol import xml
from tests.support.grid import Grid, refusal

CALL = "interface_prioritize_jobs"


def test_a_queued_job_gets_a_priority_and_each_other_job_an_error(grid: Grid) -> None:
    """Of others, one that runs, one that is locked, and one that is not there; the history has it."""
    user, resource = grid.user(), grid.resource("res1@cluster")
    others = grid.user("other@laptop").submit()
    running, locked, free = (user.submit() for _ in range(3))
    grid.set_job(running, state="running")
    resource.lock(str(locked))

    jobs = user.post(CALL, job_ids=f"{others}-{free}, 999", priority="-7").all("job")

    assert [xml.value(job, "error", "number") for job in jobs] == ["35", "25", "22", "", "15"]
    assert (xml.value(jobs[3], "state"), xml.value(jobs[3], "priority")) == ("queued", "-7")
    assert "Only a job that is queued can be given a priority" in jobs[1]
    assert grid.rows("SELECT job_id, user_priority FROM job_queue WHERE user_priority <> 0") == [
        {"job_id": free, "user_priority": -7}
    ]
    changes = user.post("interface_job_history", job_id=str(free)).all("change")
    assert [xml.value(one, "reason") for one in changes] == ["submitted", "priority -7"]


def test_a_deadline_is_changed_and_taken_away_while_a_job_is_queued(grid: Grid) -> None:
    """Alone or with a priority; the answer has it only when it was posted, the history has each change."""
    user = grid.user()
    grid.resource()
    job = str(user.submit(priority="3"))

    answers = [
        user.post(CALL, job_ids=job, **fields).all("job")[0]
        for fields in ({"deadline": "4000000000"}, {"deadline": "0", "priority": "5"}, {"priority": "6"})
    ]

    assert [xml.value(one, "deadline") for one in answers] == ["4000000000", "0", ""]
    assert [xml.value(one, "priority") for one in answers] == ["3", "5", "6"]
    assert grid.rows("SELECT user_priority, deadline FROM job_queue") == [
        {"user_priority": 6, "deadline": None}
    ]
    changes = user.post("interface_job_history", job_id=job).all("change")
    assert [xml.value(one, "reason") for one in changes][1:] == [
        "deadline 2096-10-02 07:06 UTC",
        "priority 5, no deadline",
        "priority 6",
    ]
    assert refusal(lambda: user.post(CALL, job_ids=job, deadline="soon")) == 25


@pytest.mark.parametrize("value", ["", "101", "-101", "x", "1.5", "--1", "1 2"])
def test_a_value_that_is_no_priority_is_refused(grid: Grid, value: str) -> None:
    """In the call, where it must be given, and in a submit."""
    grid.resource()
    user = grid.user()
    job = user.submit()

    assert refusal(lambda: user.post(CALL, job_ids=str(job), priority=value)) == 25
    if value:
        assert refusal(lambda: user.submit(priority=value)) == 25
    assert grid.rows("SELECT user_priority FROM job_queue") == [{"user_priority": 0}]


def test_only_a_caller_who_asks_is_told_of_priorities(grid: Grid) -> None:
    """The answers to old programs are as they were."""
    grid.resource()
    user = grid.user()
    job = str(user.submit(priority="+12"))

    usual = user.post("interface_job_state", job_id=job)
    asked = user.post("interface_job_state", job_id=job, show="priority")
    why = user.post("interface_explain_job", job_id=job)

    assert "priority" not in usual.content
    assert asked.value("job", "priority") == why.value("job", "priority") == "12"


def test_a_job_that_is_submitted_again_keeps_its_priority(grid: Grid) -> None:
    """As all else that its user has given to it."""
    grid.resource()
    user = grid.user()
    job = user.submit(priority="3")
    grid.set_job(job, state="finished")

    user.post("interface_resubmit_jobs", job_ids=str(job))

    assert grid.rows("SELECT user_priority FROM job_queue") == [{"user_priority": 3}] * 2
