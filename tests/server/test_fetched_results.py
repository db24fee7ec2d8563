"""interface_confirm_results: who has fetched all results of a job (wire.md 7, ours)."""

from lgi_protocol import xml
from tests.support.grid import Grid

CALL = "interface_confirm_results"


def test_a_job_that_has_ended_is_noted_and_each_other_job_gets_an_error(grid: Grid) -> None:
    """One that may not be read, one that runs, and one that is not there."""
    grid.resource()
    user = grid.user()
    others = grid.user("other@laptop").submit()
    running, done = user.submit(), user.submit()
    grid.set_job(others, state="finished")
    grid.set_job(running, state="running")
    grid.set_job(done, state="finished")

    answers = user.post(CALL, job_ids=f"{others}-{done}, 999").all("job")

    assert [xml.value(one, "error", "number") for one in answers] == ["34", "25", "", "15"]
    assert xml.value(answers[2], "fetched_by") == "mark@laptop"
    assert int(xml.value(answers[2], "fetched")) > 0
    noted = grid.rows("SELECT job_id, fetched_by FROM job_queue WHERE fetched IS NOT NULL")
    assert noted == [{"job_id": done, "fetched_by": "mark@laptop"}]


def test_a_reader_does_not_take_the_place_of_an_owner(grid: Grid) -> None:
    """Of others the last one is noted, until an owner has the results."""
    grid.resource()
    user, reader = grid.user(), grid.user("other@laptop", ("others",))
    job = str(user.submit(read_access="other@laptop"))
    grid.set_job(int(job), state="finished")

    noted = []
    for caller in (reader, user, reader):
        (answer,) = caller.post(CALL, job_ids=job).all("job")
        noted.append(xml.value(answer, "fetched_by"))

    assert noted == ["other@laptop", "mark@laptop", "mark@laptop"]


def test_only_a_caller_who_asks_is_told_who_has_fetched_results(grid: Grid) -> None:
    """The answers to old programs are as they were; the state and its time do not change."""
    grid.resource()
    user = grid.user()
    job = str(user.submit(read_access="other@laptop"))
    grid.set_job(int(job), state="finished")
    before = user.post("interface_job_state", job_id=job)

    grid.user("other@laptop").post(CALL, job_ids=job)

    asked = user.post("interface_job_state", job_id=job, show="fetched")
    assert user.post("interface_job_state", job_id=job).all("job") == before.all("job")
    assert asked.value("job", "fetched_by") == "other@laptop"
