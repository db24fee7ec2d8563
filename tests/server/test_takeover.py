"""The project of an LGI 1.31 server goes on at a server of ours."""

import os
import re
import resource
import subprocess
from collections.abc import Iterator
from contextlib import suppress

import pymysql
import pytest

from lgi_protocol.client import Client
from lgi_protocol.resource_api import ResourceCalls
from tests.server.test_repository import ask
from tests.server.test_resource_calls import INVARIANT
from tests.support import backups
from tests.support.grid import BIN, Grid
from tests.support.lgi_database import LGIDatabase, tags
from tests.support.mariadb import PrivateMariaDB

pytestmark = pytest.mark.slow
RESOURCE = "cluster@site"
REFERENCE = "0123456789ABCDEF0123456789ABCDEF"
JOB = "JOB_000f61825ff3f59c736d737612e25e3d"
TIME = 1_600_000_000
RULE = b"INSERT INTO users_allowed SET user_name='any', application='any', job_limit=5"


@pytest.fixture(params=["sqlite", "mariadb"])
def new_grid(request: pytest.FixtureRequest) -> Iterator[Grid]:
    """A project as LGI_setup makes it, whose server is not started."""
    address = ""
    if request.param == "mariadb":
        server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
        address = server.create_database("new_project")
    made = Grid(address)
    yield made
    made.remove()


@pytest.fixture
def old(private_mariadb: PrivateMariaDB, new_grid: Grid) -> Iterator[LGIDatabase]:
    """A project of LGI with jobs in three states, a resource, rules, updates, a lock and a session."""
    made = LGIDatabase(private_mariadb.create_database("old_project"))
    fill(made, new_grid)
    yield made
    made.close()


def fill(made: LGIDatabase, grid: Grid) -> None:
    common = {
        "application": "hello_world",
        "owners": "mark@laptop, theor",
        "read_access": "mark@laptop, theor",
        "write_access": "mark@laptop",
        "priority": TIME,
        "state_time_stamp": TIME,
    }
    running = f"<daemon_reference> {REFERENCE} </daemon_reference> <a> é </a> {tags(grid, JOB)}"
    made.insert("job_queue", job_id=3, state="queued", target_resources="any", input=b"\x00q", **common)
    made.insert(
        "job_queue",
        **common | {"job_id": 7, "state": "running", "target_resources": RESOURCE},
        job_specifics=running,
        lock_state=1,
        daemon_pulse=TIME,
    )
    made.insert(
        "job_queue", job_id=8, state="finished", target_resources=RESOURCE, output=b"\xffdone", **common
    )
    made.insert("job_queue", job_id=12, state="queued", target_resources="any", **common)
    made.run("DELETE FROM job_queue WHERE job_id = 12")
    made.insert("running_locks", lock_id=1, job_id=7, resource_id=2, session_id=1, lock_time=TIME)
    made.insert("running_sessions", session_id=1, resource_id=2, session_time_stamp=TIME)
    server = (grid.people.authority.directory / f"{grid.server_name}.crt").read_text()
    resource = grid.people.resource(RESOURCE).certificate.read_text()
    made.insert(
        "active_resources",
        resource_id=1,
        resource_name=grid.server_name,
        project_server=1,
        url="https://old/LGI",
        client_certificate=server,
    )
    made.insert(
        "active_resources",
        resource_id=2,
        resource_name=RESOURCE,
        url=RESOURCE,
        client_certificate=resource,
        resource_capabilities="<hello_world> </hello_world>",
    )
    made.insert("users_allowed", user_name="any", application="any", job_limit=5)
    made.insert("groups_allowed", group_name="theor", application="hello_world", job_limit=-2)
    made.insert("users_denied", user_name="eve@x", application="any")
    made.insert("updates", version=1, servers="any", update_query=RULE)
    made.insert("updates", version=2, servers="any", update_query=b"ALTER TABLE job_queue ADD x INT")
    made.insert("event_queue", event_time_stamp=TIME, event="schedule_cycle")


def test_an_old_project_goes_on_with_its_jobs_and_daemons(new_grid: Grid, old: LGIDatabase) -> None:
    """A running job is reported by the daemon that has it; users see theirs; numbers go on after the last."""
    directory = new_grid.config.repository / JOB[-3:] / JOB
    directory.mkdir(parents=True)
    (directory / ".LGI_repository_write_access").write_text("mark@laptop")
    (directory / "data").write_text("kept")
    before = old.content()

    done = backups.setup("takeover", new_grid.config_file, old.address)
    new_grid.start()

    assert done.returncode == 0, done.stderr
    assert old.content() == before
    user = new_grid.user()
    assert {job_id: user.state(job_id) for job_id in (3, 7, 8)} == {3: "queued", 7: "running", 8: "finished"}
    ended = user.post("interface_job_state", job_id="8")
    assert ended.value("job", "output") == "FF646F6E65"
    calls = ResourceCalls(
        Client(new_grid.url, new_grid.people.credentials(new_grid.people.resource(RESOURCE))), "LGI"
    )
    calls.sign_up()
    state = calls.job_state("7")
    assert state.daemon_reference == REFERENCE
    calls.lock("7")
    calls.update("7", state="finished", output=b"result", daemon_reference=REFERENCE)
    calls.unlock("7")
    (offered,) = calls.request_work("hello_world", 0, 10).jobs
    calls.unlock(offered.job_id)
    reply = user.post("interface_job_state", job_id="7")
    assert (reply.value("job", "state"), reply.value("job", "output")) == (
        "finished",
        b"result".hex().upper(),
    )
    assert offered.job_id == "3"
    assert user.post("interface_job_state", job_id="3").value("job", "input") == "0071"
    url = reply.value("job", "job_specifics", "repository_url")
    assert url == f"{new_grid.url}/repository/e3d/{JOB}"
    assert ask(user, "GET", f"{url}/data").content == b"kept"
    assert "<a> é </a>" in reply.value("job", "job_specifics")
    assert user.submit() == 13
    assert new_grid.rows(INVARIANT) == []


def test_rules_and_updates_of_an_old_project_are_as_they_were(new_grid: Grid, old: LGIDatabase) -> None:
    """The first rule of LGI_setup is gone; the next change gets the next version."""
    backups.setup("takeover", new_grid.config_file, old.address)

    assert [tuple(row.values()) for row in new_grid.rows("SELECT * FROM users_allowed")] == [
        ("any", "any", 5)
    ]
    assert [tuple(row.values()) for row in new_grid.rows("SELECT * FROM groups_allowed")] == [
        ("theor", "hello_world", -2)
    ]
    assert [row["user_name"] for row in new_grid.rows("SELECT * FROM users_denied")] == ["eve@x"]
    assert [row["version"] for row in new_grid.rows("SELECT version FROM updates ORDER BY version")] == [1, 2]
    (own,) = new_grid.rows("SELECT * FROM active_resources WHERE project_server = 1")
    assert (own["resource_name"], own["url"]) == (new_grid.server_name, new_grid.url)


def test_a_dry_run_counts_and_changes_nothing(new_grid: Grid, old: LGIDatabase) -> None:
    """Jobs by their states, and what slaves would not run."""
    before = new_grid.rows("SELECT * FROM updates")

    done = backups.setup("takeover", "--dry-run", new_grid.config_file, old.address)

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["Jobs          : 3 (1 finished, 1 queued, 1 running)", "Resources     : 1"]
    assert lines[3] == "Rules         : 1 users_allowed, 1 groups_allowed, 1 users_denied, 0 groups_denied"
    assert lines[5] == f"Repositories  : 1, of which 0 are in {new_grid.config.repository}"
    assert lines[6].startswith("1 updates are not among the changes that servers of this version make")
    assert lines[-1] == "Nothing was changed."
    assert new_grid.rows("SELECT * FROM updates") == before
    assert new_grid.rows("SELECT * FROM job_queue") == []


UNREADABLE = {
    "job_specifics": "<a> never closed",
    "application": "no name",
    "owners": "",
    "state": "",
    "target_resources": "x" * 300,
}


@pytest.mark.parametrize("column", UNREADABLE)
def test_a_job_that_cannot_be_read_is_named_and_nothing_is_changed(
    new_grid: Grid, old: LGIDatabase, column: str
) -> None:
    """Unless it is to be left out."""
    old.run(f"UPDATE job_queue SET {column} = %s WHERE job_id = 3", UNREADABLE[column])

    refused = backups.setup("takeover", new_grid.config_file, old.address)
    kept = new_grid.rows("SELECT * FROM job_queue")
    done = backups.setup("takeover", "--leave-out", new_grid.config_file, old.address)

    assert refused.returncode == 1
    assert "1 rows cannot be read, nothing was changed" in refused.stderr
    assert "\n  job 3: " in refused.stderr
    assert kept == []
    assert done.returncode == 0, done.stderr
    assert [row["job_id"] for row in new_grid.rows("SELECT job_id FROM job_queue ORDER BY job_id")] == [7, 8]


def test_a_database_of_anything_else_is_refused(new_grid: Grid, old: LGIDatabase) -> None:
    """A column that is missing, no database at all, and a database of ours."""
    old.run("ALTER TABLE job_queue DROP COLUMN daemon_pulse")

    lacking = backups.setup("takeover", new_grid.config_file, old.address)
    missing = backups.setup("takeover", new_grid.config_file, old.address.replace("/old_project", "/no_such"))
    other = backups.setup("takeover", new_grid.config_file, "sqlite:/tmp/LGI.sqlite")

    assert "it has no column job_queue.daemon_pulse" in lacking.stderr
    assert "Unknown database 'no_such'" in missing.stderr
    assert "LGI has MariaDB" in other.stderr
    assert {one.returncode for one in (lacking, missing, other)} == {1}


def test_a_project_that_is_in_use_is_not_taken_over_into(new_grid: Grid, old: LGIDatabase) -> None:
    """A takeover that is run twice changes nothing the second time; nor does one into another project."""
    first = backups.setup("takeover", new_grid.config_file, old.address)
    rows = new_grid.rows("SELECT * FROM job_queue")

    again = backups.setup("takeover", new_grid.config_file, old.address)

    assert (first.returncode, again.returncode) == (0, 1)
    assert "project LGI has jobs or resources of its own: make a new one with LGI_setup" in again.stderr
    assert new_grid.rows("SELECT * FROM job_queue") == rows


def test_one_of_two_takeovers_at_once_is_refused(new_grid: Grid, old: LGIDatabase) -> None:
    """The other one stores everything, once."""
    for number in range(100, 600):
        old.run(
            "INSERT INTO job_queue SELECT %s, state, application, owners, read_access, write_access,"
            " target_resources, input, output, job_specifics, 0, state_time_stamp, 0, priority"
            " FROM job_queue WHERE job_id = 3",
            number,
        )
    command = [BIN / "LGI_setup", "takeover", new_grid.config_file, old.address]

    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    told = [one.communicate(timeout=100)[1] for one in both]

    assert sorted(one.returncode for one in both) == [0, 1]
    assert any(b"has jobs or resources of its own" in one for one in told), told
    assert new_grid.rows("SELECT COUNT(*) AS n FROM job_queue")[0]["n"] == 503
    assert new_grid.rows(INVARIANT) == []


def test_a_takeover_that_was_killed_has_changed_nothing(new_grid: Grid, old: LGIDatabase) -> None:
    """Whenever that was: all is one transaction. The same command does it then."""
    for delay in (0.4, 0.6, 0.8):
        process = subprocess.Popen([BIN / "LGI_setup", "takeover", new_grid.config_file, old.address])
        with suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        process.kill()
        process.wait(10)
        jobs = new_grid.rows("SELECT COUNT(*) AS n FROM job_queue")[0]["n"]
        rules = new_grid.rows("SELECT COUNT(*) AS n FROM users_denied")[0]["n"]
        assert (jobs, rules) in {(0, 0), (3, 1)}
        if jobs:
            return

    assert backups.setup("takeover", new_grid.config_file, old.address).returncode == 0


def test_a_server_of_another_name_is_refused(new_grid: Grid, old: LGIDatabase) -> None:
    """It would not be a server of the project."""
    old.run("UPDATE active_resources SET resource_name = 'LGI@old' WHERE resource_id = 1")

    done = backups.setup("takeover", new_grid.config_file, old.address)

    assert "LGI@localhost is no project server there, but LGI@old" in done.stderr
    assert new_grid.rows("SELECT * FROM job_queue") == []


def content(grid: Grid) -> list[object]:
    """What a takeover changes."""
    tables = ("job_queue", "updates", "users_allowed", "groups_allowed", "users_denied", "active_resources")
    return [[tuple(row.values()) for row in grid.rows(f"SELECT * FROM {table}")] for table in tables]


def weak(address: str, server: PrivateMariaDB, rights: str) -> str:
    """The address of a database for a user who has only these rights on it."""
    name = address.partition("?")[0].rpartition("/")[2]
    with pymysql.connect(unix_socket=str(server.socket), user=server.admin, ssl_disabled=True) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE OR REPLACE USER weak@localhost")
        cursor.execute(f"GRANT {rights} ON `{name}`.* TO weak@localhost")
    return address.replace(f"//{server.admin}@", "//weak@")


def test_a_takeover_without_rights_in_the_old_database_is_refused(
    new_grid: Grid, old: LGIDatabase, private_mariadb: PrivateMariaDB
) -> None:
    """The message names the user and what is refused; the right to read is all that is needed."""
    before = content(new_grid)

    refused = backups.setup("takeover", new_grid.config_file, weak(old.address, private_mariadb, "INSERT"))
    after = content(new_grid)
    done = backups.setup("takeover", new_grid.config_file, weak(old.address, private_mariadb, "SELECT"))

    assert refused.returncode == 1
    assert "denied to user 'weak'@'localhost'" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert after == before
    assert done.returncode == 0, done.stderr


def test_a_takeover_without_rights_in_the_new_database_is_refused(
    new_grid: Grid, old: LGIDatabase, private_mariadb: PrivateMariaDB
) -> None:
    """On SQLite for an account that can only read the file, on MariaDB for such a user."""
    before, how = content(new_grid), {}
    if (address := new_grid.config.projects["LGI"].database).startswith("sqlite:"):
        if os.geteuid():
            pytest.skip("only root can be somebody else")
        for path in (new_grid.directory, *new_grid.directory.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        how = {"user": "nobody", "extra_groups": []}
        words = ("LGI.sqlite: Permission denied; the server's user must be able to write to it",)
    else:
        text = new_grid.config_file.read_text()
        new_grid.config_file.write_text(text.replace(address, weak(address, private_mariadb, "SELECT")))
        words = ("denied to user 'weak'@'localhost'",)

    refused = subprocess.run(
        [BIN / "LGI_setup", "takeover", new_grid.config_file, old.address],
        capture_output=True,
        text=True,
        timeout=100,
        **how,  # type: ignore[call-overload]
    )

    assert refused.returncode == 1
    assert any(word in refused.stderr for word in words), refused.stderr
    assert refused.stderr.count("\n") == 1
    assert content(new_grid) == before


@pytest.mark.parametrize("new_grid", ["sqlite"], indirect=True)
def test_a_takeover_on_a_full_disk_says_so_and_changes_nothing(new_grid: Grid, old: LGIDatabase) -> None:
    """The same command does it when there is room."""
    before = content(new_grid)

    refused = subprocess.run(
        [BIN / "LGI_setup", "takeover", new_grid.config_file, old.address],
        capture_output=True,
        text=True,
        timeout=100,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (900, 900)),
    )
    after = content(new_grid)
    done = backups.setup("takeover", new_grid.config_file, old.address)

    assert refused.returncode == 1
    assert re.search("make room|check the disk", refused.stderr), refused.stderr
    assert refused.stderr.count("\n") == 1
    assert after == before
    assert done.returncode == 0, done.stderr
