"""Deadlines: jobs are preferred among those of their user as these come nearer (wire.md 7, ours)."""

from lgi_server.db.pool import Database
from lgi_server.services.scheduling import deadlines
from tests.server.test_ordering import NOW, order, queue
from tests.server.test_own_order import claimed
from tests.support.grid import Grid, refusal

HOUR = 3600


def of_all(database: Database) -> list[int]:
    """The priorities of all jobs, by number."""
    rows = database.run(lambda one: one.rows("SELECT user_priority FROM job_queue ORDER BY job_id"))
    return [row["user_priority"] for row in rows]


def test_a_priority_rises_step_by_step_and_is_never_lowered(database: Database) -> None:
    """Of a job that is queued, the sooner it is needed the higher; after the end it stays."""
    for hours in (-48, -1, 1, 2, 7, 25):
        queue(database, "anna", 1, deadline=NOW + hours * HOUR)
    queue(database, "anna", 1, deadline=NOW + 7 * HOUR, user_priority=80)
    queue(database, "anna", 1, deadline=NOW + HOUR, state="running")
    queue(database, "anna", 1)

    raised = deadlines.raise_priorities(database, NOW)

    assert of_all(database) == [0, 100, 100, 75, 50, 0, 80, 0, 0]
    assert raised == 4
    assert deadlines.raise_priorities(database, NOW) == 0
    assert deadlines.raise_priorities(database, NOW + 2 * HOUR) == 3
    assert of_all(database)[3:7] == [100, 75, 50, 80]


def test_a_job_with_a_near_deadline_is_started_before_older_ones(database: Database) -> None:
    """Of its user; the schedule cycle raises it and orders the queue."""
    queue(database, "anna", 600)
    queue(database, "anna", 1, deadline=NOW + HOUR)

    order(database)

    assert claimed(database, 2) == [100, 0]


def test_the_deadline_of_a_submit_is_told_to_those_who_ask(grid: Grid) -> None:
    """A value that is no time is refused."""
    grid.resource()
    user = grid.user()
    job = str(user.submit(deadline="4000000000"))

    usual = user.post("interface_job_state", job_id=job)
    asked = user.post("interface_job_state", job_id=job, show="priority")

    assert "deadline" not in usual.content
    assert asked.value("job", "deadline") == "4000000000"
    assert user.post("interface_explain_job", job_id=job).value("job", "deadline") == "4000000000"
    for value in ("x", "-1", "1.5", "1" * 16, "999999999999"):
        assert refusal(lambda value=value: user.submit(deadline=value)) == 25
