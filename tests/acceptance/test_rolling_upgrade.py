"""Programs one version apart: two front ends of one project, and servers with daemons, while jobs run.

The former version is taken from the history of the repository, from a commit with the tables before the last
step of sql/upgrades.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_server.db import upgrades
from tests.acceptance.conftest import ScriptedDaemon, signed_up
from tests.support.grid import BIN, Grid, UserCalls, running, wait_for
from tests.support.mariadb import PrivateMariaDB
from tests.support.siblings import Sibling

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
# The last commit whose tables have version 3, and that version.
FORMER, VERSION = "c3f866d", 3


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
        self._environment.delenv("PYTHONPATH")


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch, former_programs: Path) -> Versions:
    """The versions, the former one first."""
    made = Versions(monkeypatch, former_programs)
    made.go_back()
    return made


@pytest.fixture(params=["sqlite", "mariadb"])
def former_grid(request: pytest.FixtureRequest, versions: Versions) -> Iterator[Grid]:
    """A running server of the former version."""
    address = ""
    if request.param == "mariadb":
        server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
        address = server.create_database("rolling")
    with running(Grid(address)) as made:
        yield made


def runs(daemon: ScriptedDaemon, number: int) -> bool:
    """Whether so many jobs run."""
    return len([job for job in daemon.jobs() if (job / "running").exists()]) == number


def submit(user: UserCalls, seconds: int) -> int:
    """Submit a job of so many seconds."""
    return user.submit(input=b"hi".hex(), job_specifics=f"<seconds> {seconds} </seconds>")


def test_two_front_ends_are_upgraded_one_after_the_other(former_grid: Grid, versions: Versions) -> None:
    """The second serves on with the new tables until it is stopped; jobs run through, each once."""
    with signed_up(ScriptedDaemon(former_grid)) as daemon:
        second = Sibling(former_grid)
        second.start()
        first_job = submit(second.user(), 20)
        wait_for(lambda: runs(daemon, 1))

        former_grid.stop()
        versions.go_on()
        done = setup_upgrade(former_grid)
        former_grid.start()
        second_job = submit(second.user(), 1)
        wait_for(lambda: former_grid.user().state(second_job) == "finished", 60)
        between = second.user().state(second_job)
        daemon.kill()
        daemon.start()
        third_job = submit(former_grid.user(), 1)
        wait_for(lambda: second.user().state(third_job) == "finished", 60)
        second.stop()
        versions.go_back()
        refused = serve(second)
        versions.go_on()
        second.start()
        wait_for(lambda: second.user().state(first_job) == "finished", 60)
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
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def serve(grid: Grid) -> subprocess.CompletedProcess[str]:
    """Try to start a server that must refuse."""
    return subprocess.run([BIN / "LGI_server", grid.config_file], capture_output=True, text=True, timeout=60)


def test_a_new_daemon_runs_jobs_of_a_former_server(former_grid: Grid, versions: Versions) -> None:
    """Jobs that the former daemon has started go on, and new ones are taken."""
    with signed_up(ScriptedDaemon(former_grid)) as daemon:
        user = former_grid.user()
        first_job = submit(user, 10)
        wait_for(lambda: runs(daemon, 1))
        daemon.kill()
        versions.go_on()

        daemon.start()
        second_job = submit(user, 1)
        wait_for(lambda: {user.state(first_job), user.state(second_job)} == {"finished"}, 60)

        assert daemon.log.read_text().count(": started, pid") == 2
        wait_for(lambda: daemon.jobs() == [])


def test_a_former_daemon_takes_over_from_a_new_one(former_grid: Grid, versions: Versions) -> None:
    """An upgrade of a daemon can be taken back: its records are read by the former version too."""
    with signed_up(ScriptedDaemon(former_grid)) as daemon:
        daemon.stop()
        versions.go_on()
        daemon.start()
        user = former_grid.user()
        job_id = submit(user, 10)
        wait_for(lambda: runs(daemon, 1))
        daemon.kill()
        versions.go_back()

        daemon.start()
        wait_for(lambda: user.state(job_id) == "finished", 60)

        assert daemon.log.read_text().count(": started, pid") == 1
