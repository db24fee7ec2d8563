"""Jobs that a job submits with its certificate: whose they are, and how many."""

from pathlib import Path

import pytest

from tests.support.grid import Grid, refusal
from tests.support.running_jobs import REFERENCE, JobClaims, repository_of, started

OWNER = "mark@laptop"


@pytest.fixture
def job(grid: Grid, tmp_path: Path) -> JobClaims:
    """A job of mark@laptop on res1@cluster."""
    return started(grid, tmp_path)


def test_a_job_submits_a_queued_job_of_its_owners(grid: Grid, job: JobClaims, tmp_path: Path) -> None:
    """Its owners are the posted ones that own the calling job; it is not locked, and has its files."""
    (tmp_path / "in.txt").write_text("hello")
    posted = {
        "application": "hello_world",
        "target_resources": "any",
        "state": "queued",
        "owners": f"theor, eve@laptop, {OWNER}, admin",
        "read_access": "frank@x",
        "job_specifics": f"<daemon_reference> {REFERENCE} </daemon_reference> <a> 1 </a>",
        "input": "4142",
    }

    reply = job.calls.submit(posted, (tmp_path / "in.txt",))

    (row,) = grid.rows("SELECT * FROM job_queue WHERE job_id = %s", reply.value("job", "job_id"))
    assert (row["state"], row["owners"], row["lock_state"]) == ("queued", f"theor, {OWNER}", 0)
    assert (row["read_access"], row["write_access"]) == (
        f"admin, theor, {OWNER}, frank@x",
        f"admin, theor, {OWNER}",
    )
    assert (row["job_specifics"], bytes(row["input"])) == ("<a> 1 </a>", b"AB")  # type: ignore[arg-type]
    assert "in.txt" in job.list(repository_of(grid, row["job_id"])).text
    assert grid.rows("SELECT * FROM running_locks") == []
    assert grid.user().state(int(str(row["job_id"]))) == "queued"


@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ({"state": "running"}, 25),
        ({"state": "finished"}, 25),
        ({"state": "mine"}, 25),
        ({"owners": "eve@laptop"}, 29),
        ({"owners": "any"}, 29),
        ({"owners": "admin"}, 29),
        ({"project": "OTHER"}, 37),
        ({"application": "none"}, 70),
        ({"job_specifics": "<repository_url>x</repository_url><job> </job>"}, 72),
    ],
)
def test_a_submit_that_is_not_for_a_job_is_refused(
    grid: Grid, job: JobClaims, fields: dict[str, str], number: int
) -> None:
    """No row and no repository are left."""
    usual = {"owners": OWNER, "application": "hello_world", "target_resources": "any", "state": "queued"}
    before = len(list(grid.config.repository.glob("*/JOB_*")))

    refused = refusal(
        lambda: job.client.post("resources/resource_submit_job", {"project": "LGI"} | usual | fields)
    )

    assert refused == number
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 1
    assert len(list(grid.config.repository.glob("*/JOB_*"))) == before


def test_a_submit_of_a_job_uses_no_session(grid: Grid, job: JobClaims) -> None:
    """A posted one, be it its resource's, is neither needed nor touched: no lock is put on it."""
    posted = {
        "project": "LGI",
        "session_id": job.resource.session_id,
        "application": "hello_world",
        "target_resources": "any",
        "state": "queued",
        "owners": OWNER,
    }

    job.client.post("resources/resource_submit_job", posted)

    assert grid.rows("SELECT * FROM running_locks") == []


def test_the_limits_of_the_owners_hold_for_jobs_of_jobs(grid: Grid, job: JobClaims) -> None:
    """A job that submits itself again and again stops where its owner would."""
    grid.run("DELETE FROM users_allowed")
    grid.run(
        "INSERT INTO users_allowed (user_name, application, job_limit) VALUES (%s, 'hello_world', -3)", OWNER
    )

    job.submit(owners=OWNER)
    job.submit(owners=OWNER)

    assert refusal(lambda: job.submit(owners=OWNER)) == 29


def test_a_job_that_is_being_aborted_keeps_its_files_and_submits_nothing(grid: Grid, job: JobClaims) -> None:
    """It may bring home what it has, and not outlive itself by others."""
    (row,) = grid.rows("SELECT job_id FROM job_queue")
    grid.set_job(int(str(row["job_id"])), state="aborting")
    posted = {"application": "hello_world", "target_resources": "any", "state": "queued", "owners": OWNER}

    assert job.list().status_code == 200
    assert refusal(lambda: job.calls.submit(posted)) == 25
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 1


def test_a_job_of_a_revoked_user_submits_nothing(grid: Grid, job: JobClaims) -> None:
    """Else it would go on for ever, for the group of the user; itself it runs to its end."""
    grid.run("INSERT INTO revoked_users VALUES (%s, 1, 'carl@desk', '', 0)", OWNER)
    posted = {"application": "hello_world", "target_resources": "any", "state": "queued", "owners": "theor"}

    assert refusal(lambda: job.calls.submit(posted)) == 29
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 1
