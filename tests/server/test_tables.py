"""What an administrator reads in the database with plain SQL, as LGI's document describes it."""

import time
from collections.abc import Mapping

import pytest

from tests.support.grid import CAPABILITIES, SERVER_NAME, Grid, wait_for

DOCUMENTED = {
    "job_queue": "job_id state application owners read_access write_access target_resources input output"
    " job_specifics lock_state state_time_stamp daemon_pulse priority",
    "running_locks": "lock_id job_id resource_id lock_time session_id",
    "active_resources": "resource_id resource_name resource_capabilities client_certificate last_call_time"
    " project_server url",
    "running_sessions": "session_id resource_id session_time_stamp",
    "users_allowed": "user_name application job_limit",
    "groups_allowed": "group_name application job_limit",
    "users_denied": "user_name application",
    "groups_denied": "group_name application",
    "updates": "version servers update_query",
    "event_queue": "event_time_stamp event",
}
# Where a job's files are, which LGI kept as text in job_specifics (ruling 2), the licences it wants, and how
# it ended; whom a queued job is for and whose it is, which the database itself makes of other columns.
ENDS = {"exit_code", "exit_signal", "end_reason", "cpu_milliseconds", "peak_memory", "disk_used"}
OURS = {
    "job_queue": {"repository", "licences", "queued_for", "queued_by", "queued_wish", "daemon_reference"}
    | ENDS
    | {
        "job_name",
        "labels",
        "submitted",
        "started",
        "has_dependents",
        "retries",
        "tried",
        "array_id",
        "array_index",
        "user_priority",
        "deadline",
        "urgent_group",
        "fetched",
        "fetched_by",
        "has_notifications",
        "element_state",
    },
    "active_resources": {"drained_since", "drain_reason"},
}
HERE = {"application": "hello_world", "target_resources": "any"}


def job(grid: Grid) -> Mapping[str, object]:
    """The only job's row."""
    (row,) = grid.rows("SELECT * FROM job_queue")
    return row


@pytest.mark.parametrize("table", DOCUMENTED)
def test_a_table_has_the_documented_columns(grid: Grid, table: str) -> None:
    """The 14 fields of job_queue and those of the other nine tables; columns of ours."""
    grid.run("INSERT INTO event_queue (event_time_stamp, event) VALUES (1, 'x')")
    resource = grid.resource()
    resource.lock(str(grid.user().submit()))
    for kind in ("user", "group"):
        grid.run(f"INSERT INTO {kind}s_denied VALUES ('nobody', 'any')")
        grid.run(f"INSERT INTO {kind}s_allowed VALUES ('somebody', 'any', 0)")

    columns = set(grid.rows(f"SELECT * FROM {table} LIMIT 1")[0])

    assert columns == set(DOCUMENTED[table].split()) | OURS.get(table, set())


def test_a_job_is_stored_as_documented(grid: Grid) -> None:
    """Comma lists, bytes as they are, the submit time as priority."""
    grid.resource()
    before = int(time.time())
    user = grid.user()
    user.groups = "theor, cyttron"

    user.submit(
        input="00FF41", output="42", job_specifics="<a> 1 </a>", read_access="any", write_access="x, y"
    )

    row = job(grid)
    assert [row[name] for name in ("state", "application", "owners", "target_resources")] == [
        "queued",
        "hello_world",
        "mark@laptop, theor, cyttron",
        "any",
    ]
    assert [row["read_access"], row["write_access"]] == [
        "admin, mark@laptop, any",
        "admin, mark@laptop, x, y",
    ]
    assert (bytes(row["input"]), bytes(row["output"])) == (b"\x00\xffA", b"B")  # type: ignore[arg-type]
    assert before <= int(str(row["priority"])) <= time.time()
    assert (row["priority"], row["lock_state"]) == (row["state_time_stamp"], 0)


def test_the_place_of_a_repository_is_in_a_column_of_its_own(grid: Grid) -> None:
    """Ruling 2: rendered into each answer, never stored with the job's specifics nor read back from them."""
    resource = grid.resource()
    job_id = str(grid.user().submit(job_specifics="<a> 1 </a>"))
    (offered,) = resource.request_work("hello_world", 0, 1).jobs

    resource.update(job_id, job_specifics=f"{offered.job_specifics} <b> 2 </b>")
    moved = offered.job_specifics.replace("JOB_", "JOB_0").replace("<repository>", "<repository> evil:/")
    resource.update(job_id, job_specifics=moved)

    row = job(grid)
    assert "repository" not in str(row["job_specifics"])
    assert str(row["repository"]).startswith("JOB_")
    assert resource.details(job_id).job_specifics == offered.job_specifics


def test_specifics_come_back_as_they_were_posted(grid: Grid) -> None:
    """Comments, attributes, entities and letters of all scripts, to the user and to the resource."""
    text = "plain &amp; é <a b='1' c=\"&lt;\"> 日本 <!-- so --> </a> <x.y-z> &#65; </x.y-z>\n\t<e> </e>"
    resource = grid.resource()
    user = grid.user()
    job_id = str(user.submit(job_specifics=text))
    (offered,) = resource.request_work("hello_world", 0, 1).jobs
    details = resource.details(job_id)
    resource.unlock(job_id)

    shown = user.post("interface_job_state", job_id=job_id).value("job", "job_specifics")

    assert job(grid)["job_specifics"] == text
    for answered in (
        offered.job_specifics,
        details.job_specifics,
        resource.job_state(job_id).job_specifics,
        shown,
    ):
        assert answered.startswith(f"{text} <repository> ")


def test_the_time_stamp_changes_with_the_state_only(grid: Grid) -> None:
    """Reading, locking and looking after a job leave it; an update and an abort set it, by our clock."""
    resource = grid.resource()
    user = grid.user()
    job_id = user.submit()
    grid.set_job(job_id, state_time_stamp=1000)

    user.state(job_id)
    user.post("interface_job_state")
    resource.request_work("hello_world", 0, 1)
    resource.details(str(job_id))
    resource.job_state(str(job_id))
    resource.unlock(str(job_id))
    resource.lock(str(job_id))
    untouched = job(grid)["state_time_stamp"]
    before = int(time.time())
    updated = int(resource.update(str(job_id), state="running").state_time_stamp)
    resource.unlock(str(job_id))
    aborted = user.delete(job_id).number("job", "state_time_stamp")

    assert untouched == 1000
    assert before <= updated < aborted <= time.time() + 2


def test_a_lock_is_a_row_and_a_positive_lock_state(grid: Grid) -> None:
    """Who, in which session, since when; a job has one lock at most."""
    resource = grid.resource()
    job_id = grid.user().submit()
    before = int(time.time())

    resource.lock(str(job_id))

    (lock,) = grid.rows("SELECT * FROM running_locks")
    (owner,) = grid.rows("SELECT resource_id FROM active_resources WHERE project_server = 0")
    assert (lock["job_id"], str(lock["session_id"])) == (job_id, resource.session_id)
    assert lock["resource_id"] == owner["resource_id"]
    assert before <= int(str(lock["lock_time"])) <= time.time()
    assert job(grid)["lock_state"] == 1
    with pytest.raises(Exception, match="LGI error 3"):
        grid.run("INSERT INTO running_locks VALUES (NULL, %s, -1, 1, 0)", job_id)


@pytest.mark.slow
def test_every_call_of_a_resource_is_noted(grid: Grid) -> None:
    """last_call_time with each call, the session's time stamp with each call that has a session."""
    resource = grid.resource()
    job_id = str(grid.user().submit())

    def times() -> list[int]:
        (called,) = grid.rows("SELECT last_call_time AS at FROM active_resources WHERE project_server = 0")
        (used,) = grid.rows("SELECT session_time_stamp AS at FROM running_sessions")
        return [int(str(called["at"])), int(str(used["at"]))]

    def age() -> None:
        grid.run("UPDATE active_resources SET last_call_time = 1")
        grid.run("UPDATE running_sessions SET session_time_stamp = %s", int(time.time()) - 1000)

    def is_alone() -> bool:
        """Whether a call without a session notes itself alone; a call before it may still be stored."""
        age()
        resource.job_state(job_id)
        wait_for(lambda: times()[0] > time.time() - 600)
        return times()[1] < time.time() - 900

    wait_for(is_alone)
    age()
    resource.lock(job_id)
    wait_for(lambda: min(times()) > time.time() - 600)


def test_the_capabilities_of_a_resource_stay_until_a_sign_up_with_others(grid: Grid) -> None:
    """A sign-up without capabilities keeps them; a resource's name is in the table once."""
    resource = grid.resource(capabilities=CAPABILITIES)

    resource.sign_up()

    (row,) = grid.rows("SELECT * FROM active_resources WHERE project_server = 0")
    assert (row["resource_capabilities"], row["url"]) == (CAPABILITIES, "res1@cluster")
    assert str(row["client_certificate"]).startswith("-----BEGIN CERTIFICATE-----")
    with pytest.raises(Exception, match="LGI error 3"):
        grid.run(
            "INSERT INTO active_resources (resource_name, resource_capabilities, client_certificate, url)"
            " VALUES ('res1@cluster', '', '', '')"
        )
    assert [one["project_server"] for one in grid.rows("SELECT * FROM active_resources")] == [1, 0]
    assert grid.rows("SELECT resource_name FROM active_resources WHERE project_server = 1") == [
        {"resource_name": SERVER_NAME}
    ]


@pytest.mark.slow
def test_every_change_of_a_job_queues_an_event(grid: Grid) -> None:
    """schedule_cycle at submit, update, abort and deletion, by a user or a resource; not by reading.

    It comes within a second, so that nobody waits for the commits of others.
    """
    resource = grid.resource()
    user = grid.user()

    def queued(seconds: float = 60.0) -> list[str]:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not grid.rows("SELECT event FROM event_queue"):
            time.sleep(0.05)
        events = [str(row["event"]) for row in grid.rows("SELECT event FROM event_queue")]
        grid.run("DELETE FROM event_queue")
        return events

    job_id = user.submit()
    submitted = queued()
    resource.lock(str(job_id))
    user.post("interface_job_state")
    resource.job_state(str(job_id))
    read = queued(1.5)
    resource.update(str(job_id), state="running")
    updated = queued()
    resource.unlock(str(job_id))
    user.delete(job_id)
    aborted = queued()
    done = resource.submit({"state": "finished", "owners": "mark@laptop"} | HERE).number("job", "job_id")
    inserted = queued()
    resource.sign_off()
    user.delete(done)
    deleted = queued()

    assert read == []
    for events in (submitted, updated, aborted, inserted, deleted):
        assert events == ["schedule_cycle"]
