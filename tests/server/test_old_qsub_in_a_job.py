"""The LGI_qsub of LGI 1.31 in the directory of a job that has a certificate of its own (clients.md 3.3)."""

from pathlib import Path

import pytest
import requests

from lgi_protocol.reply import Reply, read_answer
from tests.support.grid import Grid, refusal
from tests.support.running_jobs import JobClaims, started

OWNER = "mark@laptop"
SIGN_UP, SUBMIT, SIGN_OFF = (
    f"resources/resource_{name}" for name in ("signup_resource", "submit_job", "signoff_resource")
)


@pytest.fixture
def job(grid: Grid, tmp_path: Path) -> JobClaims:
    """A job of mark@laptop on res1@cluster."""
    return started(grid, tmp_path)


def post(session: requests.Session, job: JobClaims, call: str, **fields: str) -> Reply:
    """One call as it sends it: multipart, parts in this order, empty ones too."""
    parts = [(name, (None, value)) for name, value in fields.items()]
    return read_answer(session.post(f"{job.grid.url}/{call}.php", files=parts, verify=session.verify).text)


def tables(grid: Grid) -> object:
    """What a session would be seen in, without the times that the server stores some seconds after a call."""
    names = ("running_sessions", "running_locks", "active_resources")
    return [
        {name: value for name, value in row.items() if name not in ("last_call_time", "session_time_stamp")}
        for name in names
        for row in grid.rows(f"SELECT * FROM {name}")
    ]


def test_an_old_qsub_submits_a_job_from_within_a_job(grid: Grid, job: JobClaims) -> None:
    """Sign-up, submit and sign-off over one connection; the new job is queued, owned as the old one."""
    before = tables(grid)
    session = job.client.session

    signed_up = post(session, job, SIGN_UP, project="LGI")
    session_id = signed_up.value("session_id")
    made = post(
        session,
        job,
        SUBMIT,
        session_id=session_id,
        project="LGI",
        application="hello_world",
        state="queued",
        owners=f"{OWNER}, theor",
        target_resources="any",
        read_access=f"admin, {OWNER}",
        write_access=f"admin, {OWNER}",
        input="6869",
    )
    signed_off = post(session, job, SIGN_OFF, session_id=session_id, project="LGI")

    assert int(session_id) > 0
    assert signed_up.value("resource") == signed_off.value("resource") == "res1@cluster"
    assert signed_up.value("project_master_server") == grid.url
    assert signed_off.value("session_id") == session_id
    (row,) = grid.rows("SELECT * FROM job_queue WHERE job_id = %s", made.value("job", "job_id"))
    assert (row["state"], row["owners"], row["lock_state"]) == ("queued", f"{OWNER}, theor", 0)
    assert tables(grid) == before


@pytest.mark.parametrize(
    "call",
    ["request_work", "lock_job", "unlock_job", "update_job", "request_job_details", "job_state", "wait"],
)
def test_the_session_of_a_job_is_good_for_no_other_call(grid: Grid, job: JobClaims, call: str) -> None:
    """Neither for the job, whose certificate may call nothing else, nor for its resource: there is none."""
    grid.user().submit()
    session_id = post(job.client.session, job, SIGN_UP, project="LGI").value("session_id")
    posted = {"project": "LGI", "session_id": session_id, "job_id": job.job_id, "application": "hello_world"}

    assert refusal(lambda: job.client.post(f"resources/resource_{call}", posted)) == 2
    assert grid.rows("SELECT * FROM running_locks") == []


def test_the_session_of_a_job_is_none_of_its_resource(grid: Grid, job: JobClaims) -> None:
    """The number is the job's; where a session of its resource has the same one, a job cannot end that."""
    grid.run("DELETE FROM running_sessions")
    session_id = post(job.client.session, job, SIGN_UP, project="LGI").value("session_id")
    posted = {"project": "LGI", "session_id": session_id, "job_id": job.job_id}

    assert session_id == job.job_id
    assert refusal(lambda: job.resource.client.post("resources/resource_lock_job", posted)) == 16
    grid.run(
        "INSERT INTO running_sessions (session_id, resource_id, session_time_stamp)"
        " SELECT %s, resource_id, 1 FROM active_resources WHERE resource_name = 'res1@cluster'",
        int(session_id),
    )
    post(job.client.session, job, SIGN_OFF, session_id=session_id, project="LGI")
    assert len(grid.rows("SELECT * FROM running_sessions")) == 1


@pytest.mark.parametrize(
    ("call", "fields", "number"),
    [
        (SIGN_UP, {"capabilities": "<other> </other>"}, 2),
        (SIGN_UP, {"project": "OTHER"}, 37),
        (SIGN_OFF, {}, 8),
        (SIGN_OFF, {"session_id": "x"}, 8),
        (SIGN_OFF, {"session_id": "1234567890"}, 62),
        (SIGN_OFF, {"session_id": "999999"}, 16),
    ],
)
def test_a_call_that_is_not_for_a_job_is_refused(
    grid: Grid, job: JobClaims, call: str, fields: dict[str, str], number: int
) -> None:
    """The errors are those of a resource's call; the resource's capabilities do not change."""
    before = tables(grid)

    assert refusal(lambda: job.client.post(call, {"project": "LGI"} | fields)) == number
    assert tables(grid) == before


def test_a_job_that_has_ended_signs_up_no_more(grid: Grid, job: JobClaims) -> None:
    """Its certificate is good while it runs."""
    job.resource.lock(job.job_id)
    job.resource.update(job.job_id, state="finished")
    job.resource.unlock(job.job_id)

    assert refusal(lambda: job.client.post(SIGN_UP, {"project": "LGI"})) == 2
