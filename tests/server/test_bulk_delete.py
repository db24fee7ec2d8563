"""interface_delete_jobs: several jobs are deleted or aborted with one call (wire.md 7, ours)."""

from lgi_protocol import xml
from tests.support.grid import Grid

CALL = "interface_delete_jobs"


def test_each_job_is_deleted_or_aborted_or_gets_an_error(grid: Grid) -> None:
    """Here one of another user, one that runs, a queued and an ended one, and one that is not there."""
    grid.resource()
    user = grid.user()
    others = grid.user("other@laptop").submit()
    running, _queued, ended = (user.submit() for _ in range(3))
    grid.set_job(running, state="running")
    grid.set_job(ended, state="finished")
    places = list(grid.config.repository.glob("*"))

    answers = user.post(CALL, job_ids=f"{others}-{ended}, 999999999").all("job")

    assert [xml.value(one, "state") for one in answers] == ["", "aborting", "deleted", "deleted", ""]
    assert [xml.value(one, "error", "number") for one in answers] == ["35", "", "", "", "15"]
    assert {row["job_id"] for row in grid.rows("SELECT job_id FROM job_queue")} == {others, running}
    left = grid.rows("SELECT DISTINCT job_id FROM job_access")
    assert {row["job_id"] for row in left} == {others, running}
    assert len(list(grid.config.repository.glob("*"))) < len(places)
    changes = grid.rows(
        "SELECT job_id, changed_by, new_state FROM job_history WHERE old_state <> '' ORDER BY job_id"
    )
    by = {row["changed_by"] for row in changes}
    assert [row["new_state"] for row in changes] == ["aborting", "deleted", "deleted"]
    assert by == {"user mark@laptop"}


def test_a_locked_job_among_others_stays(grid: Grid) -> None:
    """The others are deleted; the call about this one alone waits for the lock."""
    resource, user = grid.resource(), grid.user()
    locked, free = user.submit(), user.submit()
    resource.lock(str(locked))

    answers = user.post(CALL, job_ids=f"{locked}, {free}").all("job")

    assert xml.value(answers[0], "error", "number") == "22"
    assert xml.value(answers[1], "state") == "deleted"
    assert [row["job_id"] for row in grid.rows("SELECT job_id FROM job_queue")] == [locked]


def test_jobs_that_follow_a_deleted_one_end_with_it(grid: Grid) -> None:
    """A dependent that is deleted by the same call is deleted, and one that is held is held no more."""
    grid.resource()
    user = grid.user()
    first = user.submit()
    second, third = user.submit(after=str(first)), user.submit(after=str(first))

    user.post(CALL, job_ids=f"{first}, {second}")

    left = grid.rows("SELECT job_id, state, end_reason FROM job_queue")
    assert [(row["job_id"], row["state"]) for row in left] == [(third, "aborted")]
    assert f"job {first}" in str(left[0]["end_reason"])
    assert grid.rows("SELECT job_id FROM job_holds") == []
