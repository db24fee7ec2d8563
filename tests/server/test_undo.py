"""ManageDB undo; two that change something at once; and what becomes of a removed resource's jobs."""

import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lgi_server.services.project import administration, recorded_changes, update_parser
from tests.server.test_manage_db import last_update
from tests.support.grid import BIN, SERVER_NAME, Grid
from tests.support.manage_db import manage, start

TABLES = ("users_allowed", "users_denied", "groups_allowed", "groups_denied")


def rules(grid: Grid) -> list[object]:
    """All rules there are."""
    return [sorted(map(str, grid.rows(f"SELECT * FROM {table}"))) for table in TABLES]


NAMED = ("--name", "mark@laptop", "--application", "vasp", "--servers", SERVER_NAME)
CHANGES = {
    "a new rule": ("add", "users", "allowed", *NAMED, "--limit", "3"),
    "another limit": ("add", "users", "allowed", "--name", "any", "--application", "any", "--limit", "5"),
    "a denial": ("add", "groups", "denied", *NAMED),
    "a rule that goes": ("del", "users", "allowed", "--name", "o'neil@desk", "--application", ""),
    "many rules that go": ("del", "users", "allowed", "--name", "", "--application", "any"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_is_taken_back(grid: Grid, change: tuple[str, ...]) -> None:
    """Updates revert it on all servers."""
    for name, application in (("o'neil@desk", "a"), ("o'neil@desk", "b"), ("frank", "any")):
        grid.run("INSERT INTO users_allowed VALUES (%s, %s, -7)", name, application)
    before = rules(grid)
    servers = () if "--servers" in change else ("--servers", "any")

    done = manage(grid, *change, *servers)
    changed, version = rules(grid), int(str(last_update(grid)["version"]))
    undone = manage(grid, "undo", "--yes")

    assert (done.returncode, undone.returncode) == (0, 0), (done.stderr, undone.stderr)
    assert changed != before
    assert rules(grid) == before
    assert f"Update {version} was taken back, as update {version + 1}" in undone.stdout
    after = grid.rows("SELECT update_query, servers FROM updates WHERE version > %s", version)
    assert after != []
    for row in after:
        assert update_parser.parse(bytes(row["update_query"]).decode()).table in TABLES  # type: ignore[arg-type]
        assert row["servers"] == (SERVER_NAME if SERVER_NAME in change else "any")


SAID = {
    "a new rule": (
        "allow user mark@laptop, application vasp, limit 3",
        "remove what is allowed for user mark@laptop, application vasp",
    ),
    "another limit": ("allow user any, application any, limit 5", "allow user any, application any, limit 0"),
    "a denial": (
        "deny group mark@laptop, application vasp",
        "remove what is denied for group mark@laptop, application vasp",
    ),
}


@pytest.mark.parametrize("change", ["a new rule", "another limit", "a denial"])
def test_the_change_that_is_taken_back_is_shown(grid: Grid, change: str) -> None:
    """The change that was made, and what is made of it, in words."""
    was, back = SAID[change]
    manage(grid, *CHANGES[change], *(() if "--servers" in CHANGES[change] else ("--servers", "any")))

    done = manage(grid, "undo", "--yes")

    assert f" was : {was}\n" in done.stdout
    assert f"To take it back : {back}\n" in done.stdout


def test_a_resource_that_is_taken_back_is_named(grid: Grid) -> None:
    """Its certificate is not printed."""
    grid.resource("res1@cluster")
    manage(grid, "del", "resources", "allowed", "--name", "res1@cluster", "--servers", "any")

    done = manage(grid, "undo", "--yes")

    assert (
        " was : remove resource res1@cluster\nTo take it back : register resource res1@cluster at "
        in done.stdout
    )
    assert "CERTIFICATE" not in done.stdout


def test_the_set_up_of_a_project_is_not_taken_back(grid: Grid) -> None:
    """Neither its first rule nor its master server; that is said."""
    before = rules(grid)

    done = manage(grid, "undo", "--yes")

    assert (done.returncode, rules(grid)) == (1, before)
    assert "there is no change to undo" in done.stderr
    assert "belong to the set-up of the project" in done.stderr


def test_changes_are_taken_back_one_after_the_other(grid: Grid) -> None:
    """The last one first, none twice; then there is nothing left to take back."""
    grid.run("DELETE FROM update_undo")
    for name in ("one", "two"):
        manage(grid, "add", "users", "denied", "--name", name, "--application", "any", "--servers", "any")

    def denied() -> list[object]:
        return [row["user_name"] for row in grid.rows("SELECT user_name FROM users_denied")]

    states = []
    for _ in range(2):
        assert manage(grid, "undo", "--yes").returncode == 0
        states.append(denied())
    last = manage(grid, "undo", "--yes")

    assert states == [["one"], []]
    assert last.returncode == 1
    assert "there is no change to undo" in last.stderr


def test_a_removed_resource_comes_back(grid: Grid) -> None:
    """It has its certificate again and can call; the undo of an addition removes it."""
    resource = grid.resource("res1@cluster")
    manage(grid, "del", "resources", "allowed", "--name", "res1@cluster", "--servers", "any")
    assert manage(grid, "undo", "--yes").returncode == 0
    resource.sign_up()

    assert manage(grid, "undo", "--yes").returncode == 0
    assert grid.rows("SELECT * FROM active_resources WHERE resource_name = 'res1@cluster'") == []
    assert grid.rows("SELECT * FROM running_sessions") == []


def test_the_master_is_never_taken_back(grid: Grid) -> None:
    """A project that was just set up is one."""
    while manage(grid, "undo", "--yes").returncode == 0:
        pass

    assert grid.rows("SELECT resource_name FROM active_resources") == [{"resource_name": SERVER_NAME}]


def test_no_change_is_taken_back_on_a_slave(grid: Grid) -> None:
    """Versions are made in one place."""
    grid.run("UPDATE active_resources SET project_server = 2")

    done = manage(grid, "undo", "--yes")

    assert done.returncode == 1
    assert "is not the project's master server" in done.stderr


@pytest.mark.slow
def test_two_changes_at_once_wait_for_each_other(grid: Grid) -> None:
    """The second sees what the first has done: one resource is not registered twice."""
    issued = grid.people.resource("res1@cluster")
    options = [
        *("--name", "res1@cluster", "--url", "x", "--certificate", str(issued.certificate)),
        *("--project-server", "0", "--servers", "any"),
    ]
    held, done = threading.Event(), threading.Event()

    def first(transaction: object) -> None:
        recorded_changes.check_master(transaction, SERVER_NAME)  # type: ignore[arg-type]
        held.set()
        done.wait(3)
        administration.deny(transaction, "user", "eve", "any", "any")  # type: ignore[arg-type]

    with ThreadPoolExecutor(3) as pool:
        holder = pool.submit(grid.database.run, first)
        held.wait(60)
        others = [pool.submit(start, grid, "add", "resources", "allowed", *options) for _ in range(2)]
        others[1:] = [pool.submit(start, grid, "add", "resources", "allowed", *options, "--url", "y")]
        codes = sorted(other.result().returncode for other in others)
        holder.result()

    versions = [row["update_query"] for row in grid.rows("SELECT update_query FROM updates ORDER BY version")]
    assert codes == [0, 1]
    assert [b"eve" in bytes(one) for one in versions[-2:]] == [True, False]  # type: ignore[arg-type]
    assert "is registered already" in "".join(other.result().stderr for other in others)


@pytest.mark.parametrize(("state", "after"), [("running", "queued"), ("aborting", "aborted")])
def test_the_jobs_of_a_removed_resource_are_not_lost(grid: Grid, state: str, after: str) -> None:
    """Its running jobs are queued with their first targets; aborting ones are aborted."""
    resource = grid.resource("res1@cluster")
    user = grid.user()
    job, ended = user.submit(), user.submit()
    for number, states in ((job, ("running",)), (ended, ("running", "finished"))):
        resource.lock(str(number))
        for one in states:
            resource.update(str(number), state=one, target_resources="res1@cluster")
        resource.unlock(str(number))
    if state == "aborting":
        user.delete(job)

    done = manage(grid, "del", "resources", "allowed", "--name", "res1@cluster", "--servers", "any")

    rows = {row["job_id"]: row for row in grid.rows("SELECT * FROM job_queue")}
    assert done.returncode == 0
    assert (rows[job]["state"], rows[ended]["state"]) == (after, "finished")
    assert after != "queued" or rows[job]["target_resources"] == "any"


def test_an_administrator_at_a_terminal_is_asked_before_many_rules_go(grid: Grid) -> None:
    """When a name or an application alone stands for many rules; a no changes nothing."""
    before = rules(grid)
    options = f"--config {grid.config_file} --name any --application '' --servers any"
    command = f"{BIN}/ManageDB del users allowed {options}"

    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"], input="n\n", capture_output=True, text=True, timeout=60
    )

    assert "Delete every allowed rule of any ? [y/N]" in done.stdout
    assert done.returncode == 1
    assert rules(grid) == before
