"""Programs one version apart: two front ends of one project, and servers with daemons, while jobs run.

The former version is taken from the history of the repository, from a commit with the tables before the last
step of sql/upgrades.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_server.db import upgrades
from tests.acceptance.conftest import RESOURCE, ScriptedDaemon, signed_up
from tests.support.grid import BIN, Grid, UserCalls, running, wait_for
from tests.support.mariadb import PrivateMariaDB
from tests.support.siblings import Sibling
from tests.support.slaves import Slave, manage

# Servers start and stop several times, which takes long on a machine that is busy.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
# The last commit whose tables have version 4, and that version.
FORMER, VERSION = "e700ef7", 4


@pytest.fixture(scope="module")
def former_programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of the former version, in a directory."""
    place = tmp_path_factory.mktemp("former")
    packed = subprocess.run(["git", "-C", ROOT, "archive", FORMER], capture_output=True, check=False)
    if packed.returncode:
        pytest.skip("this checkout has no history, as a shallow clone or an archive")
    subprocess.run(["tar", "-x", "-C", place], input=packed.stdout, check=True)
    return place


class Versions:
    """Which programs start from now on: those of the former version, or these."""

    def __init__(self, environment: pytest.MonkeyPatch, former: Path) -> None:
        self._environment, self._former = environment, former

    def go_back(self) -> None:
        """Start programs of the former version."""
        self._environment.setenv("PYTHONPATH", str(self._former))

    def go_on(self) -> None:
        """Start programs of this version."""
        self._environment.delenv("PYTHONPATH", raising=False)


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch, former_programs: Path) -> Versions:
    """The versions, the former one first."""
    made = Versions(monkeypatch, former_programs)
    made.go_back()
    return made


class FormerGrid(Grid):
    """A server that is set up by the programs that are started from now on."""

    def set_up(self, database: str, *words: str) -> None:
        """Start LGI_setup, which others find in this process."""
        command = [BIN / "LGI_setup", *self.setup_command(database, *words)]
        subprocess.run(command, check=True, capture_output=True)


class FormerSlave(Slave, FormerGrid):
    """A slave that is set up by them."""


@pytest.fixture(params=["sqlite", "mariadb"])
def former_grid(request: pytest.FixtureRequest, versions: Versions) -> Iterator[Grid]:
    """A running server of the former version."""
    address = ""
    if request.param == "mariadb":
        server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
        address = server.create_database("rolling")
    with running(FormerGrid(address), cleared=False) as made:
        register(made)
        yield made


def register(grid: Grid) -> None:
    """Register the resource with the programs that are in use, and let everybody have any number of jobs.

    These functions here are of this version, whose columns the tables may not have yet.
    """
    certificate = grid.people.resource(RESOURCE).certificate
    resource = ("--name", RESOURCE, "--url", RESOURCE, "--certificate", str(certificate))
    manage(grid, "add", "resources", "allowed", *resource, "--project-server", "0", "--servers", "any")
    grid.run("UPDATE users_allowed SET job_limit = 0")


def runs(daemon: ScriptedDaemon, number: int) -> bool:
    """Whether so many jobs run."""
    return len(daemon.sleeping()) == number


def submit(user: UserCalls, seconds: int) -> int:
    """Submit a job of so many seconds."""
    return user.submit(input=b"hi".hex(), job_specifics=f"<seconds> {seconds} </seconds>")


def test_two_front_ends_are_upgraded_one_after_the_other(former_grid: Grid, versions: Versions) -> None:
    """The second serves on with the new tables until it is stopped; jobs run through, each once."""
    with signed_up(ScriptedDaemon(former_grid)) as daemon:
        second = Sibling(former_grid)
        second.start()
        first_job = submit(second.user(), 600)
        wait_for(lambda: runs(daemon, 1))

        former_grid.stop()
        versions.go_on()
        done = setup_upgrade(former_grid)
        former_grid.start()
        second_job = submit(second.user(), 1)
        wait_for(lambda: former_grid.user().state(second_job) == "finished")
        between = second.user().state(second_job)
        daemon.kill()
        daemon.start()
        third_job = submit(former_grid.user(), 1)
        wait_for(lambda: second.user().state(third_job) == "finished")
        second.stop()
        versions.go_back()
        refused = serve(second)
        versions.go_on()
        second.start()
        daemon.wake()
        wait_for(lambda: second.user().state(first_job) == "finished")
        second.stop()

        assert done.returncode == 0, done.stderr
        assert between == "finished"
        assert refused.returncode == 1
        assert (
            f"is of version {upgrades.latest()}, and this program needs version {VERSION}" in refused.stderr
        )
        assert daemon.log.read_text().count(": started, pid") == 3
        assert former_grid.rows("SELECT lock_id FROM running_locks") == []


def setup_upgrade(grid: Grid) -> subprocess.CompletedProcess[str]:
    """Upgrade the database, while a front end uses it."""
    command = [BIN / "LGI_setup", "upgrade", "--no-backup", grid.config_file]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def serve(grid: Grid) -> subprocess.CompletedProcess[str]:
    """Try to start a server that must refuse."""
    return subprocess.run([BIN / "LGI_server", grid.config_file], capture_output=True, text=True, timeout=100)


def test_a_new_daemon_runs_jobs_of_a_former_server(former_grid: Grid, versions: Versions) -> None:
    """Jobs that the former daemon has started go on, and new ones are taken."""
    with signed_up(ScriptedDaemon(former_grid)) as daemon:
        user = former_grid.user()
        first_job = submit(user, 600)
        wait_for(lambda: runs(daemon, 1))
        daemon.kill()
        versions.go_on()

        daemon.start()
        second_job = submit(user, 1)
        daemon.wake()
        wait_for(lambda: {user.state(first_job), user.state(second_job)} == {"finished"})

        assert daemon.log.read_text().count(": started, pid") == 2
        wait_for(lambda: daemon.jobs() == [])


def test_a_former_daemon_takes_over_from_a_new_one(former_grid: Grid, versions: Versions) -> None:
    """An upgrade of a daemon can be taken back: its records are read by the former version too."""
    with signed_up(ScriptedDaemon(former_grid)) as daemon:
        daemon.stop()
        versions.go_on()
        daemon.start()
        user = former_grid.user()
        job_id = submit(user, 600)
        wait_for(lambda: runs(daemon, 1))
        daemon.kill()
        versions.go_back()

        daemon.start()
        daemon.wake()
        wait_for(lambda: user.state(job_id) == "finished")

        assert daemon.log.read_text().count(": started, pid") == 1


@pytest.mark.parametrize("first", ["slave", "master"])
def test_a_master_and_a_slave_are_upgraded_one_after_the_other(versions: Versions, first: str) -> None:
    """Whichever is first: rules that are changed meanwhile reach the slave, and nothing stops there.

    A drain, which the older one does not know, is not among the changes.
    """
    with (
        running(FormerGrid(), cleared=False) as master,
        running(FormerSlave(master, "slave@test"), cleared=False) as slave,
    ):
        register(master)
        versions.go_on()
        upgraded, other = (slave, master) if first == "slave" else (master, slave)
        upgrade_and_start(upgraded)
        versions.go_back()
        one_apart = change_rule(versions, master, upgraded, "between@desk")
        if first == "master":
            versions.go_on()
            drained = manage(master, "drain", "resource", RESOURCE)
            change_rule(versions, master, upgraded, "drained@desk")
            wait_for(lambda: has_rule(slave, "drained@desk"))
            assert "give out jobs as before: slave@test" in drained
        wait_for(lambda: has_rule(slave, "between@desk"))
        versions.go_on()
        upgrade_and_start(other)
        manage(master, *rule("after@desk"))
        wait_for(lambda: has_rule(slave, "after@desk"))

        assert "did not answer" not in one_apart
        versions_here = [one.rows("SELECT MAX(version) AS n FROM updates")[0]["n"] for one in (master, slave)]
        assert versions_here[0] == versions_here[1]


def upgrade_and_start(grid: Grid) -> None:
    """Stop a server, upgrade its database and start it."""
    grid.stop()
    done = setup_upgrade(grid)
    assert done.returncode == 0, done.stderr
    grid.start()


def rule(user: str) -> tuple[str, ...]:
    """The words that allow a user everything."""
    options = ("--name", user, "--application", "any", "--limit", "3", "--servers", "any")
    return ("add", "users", "allowed", *options)


def change_rule(versions: Versions, master: Grid, upgraded: Grid, user: str) -> str:
    """Allow a user, with the programs of the master's version; what ManageDB says."""
    versions.go_on() if upgraded is master else versions.go_back()
    return manage(master, *rule(user))


def has_rule(grid: Grid, user: str) -> bool:
    """Whether a server has the rule of a user."""
    return bool(grid.rows("SELECT user_name FROM users_allowed WHERE user_name = %s", user))
