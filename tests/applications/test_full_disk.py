"""Jobs of `command` that fill the disk of their resource, under a real daemon and a real server."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import signed_up
from tests.support.grid import Grid, UserCalls, wait_for

from .test_ordinary_user import BOSS, OrdinaryDaemon, capabilities
from .test_whole_jobs import RESOURCE, CommandDaemon, output, submitted

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk"),
]
FULL = "No space left on device"


def mount(place: Path) -> None:
    """Give a run directory a disk of 40 MB."""
    words = ["mount", "-t", "tmpfs", "-o", "size=40m,mode=0755", "none", str(place)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("file systems cannot be mounted here")


class SmallDisk(CommandDaemon):
    """A daemon whose jobs have 40 MB together."""

    def configure(self) -> None:
        mount(self.run_directory)
        super().configure()

    def remove(self) -> None:
        """Unmount too."""
        self.stop()
        self.end_jobs()
        subprocess.run(["umount", "-l", self.run_directory], check=True)
        super().remove()


@pytest.fixture
def small(grid: Grid) -> Iterator[SmallDisk]:
    """It runs."""
    with signed_up(SmallDisk(grid, "process")) as made:
        yield made


@pytest.fixture
def ordinary(grid: Grid, place: Path) -> Iterator[OrdinaryDaemon]:
    """One of an ordinary user, whose jobs are that user's too."""
    grid.resource(RESOURCE, "").sign_off()
    made = OrdinaryDaemon(grid, place)
    mount(made.run)
    try:
        made.start()
        wait_for(lambda: "update" in capabilities(grid))
        yield made
        assert made.stop() == 0
    finally:
        subprocess.run(["umount", "-l", made.run], check=True)


def ended(grid: Grid, job_id: int) -> tuple[object, object, object]:
    """State, exit code and reason, as the server has them."""
    (row,) = grid.rows("SELECT state, exit_code, end_reason FROM job_queue WHERE job_id = %s", job_id)
    return row["state"], row["exit_code"], row["end_reason"]


def is_full(place: Path) -> bool:
    """Whether the disk of a directory has less than a megabyte of room."""
    space = os.statvfs(place)
    return space.f_bavail * space.f_frsize < 2**20


def finish(user: UserCalls, job_id: int) -> None:
    """Wait for its end."""
    wait_for(lambda: user.state(job_id) in ("finished", "aborted"))


@pytest.mark.parametrize(
    "script", ["cat /dev/zero > big; exit 3", "cat /dev/zero; exit 3", "cat /dev/zero >&2; exit 3"]
)
def test_a_job_that_fills_the_disk_is_told_so_and_makes_room_again(
    grid: Grid, small: SmallDisk, script: str
) -> None:
    """One try, the right exit code, and the next job is taken."""
    user = grid.user()

    job_id = submitted(user, script)
    finish(user, job_id)
    following = submitted(user, "echo hello")
    finish(user, following)

    assert ended(grid, job_id) == ("finished", 3, FULL)
    assert output(user, job_id).endswith(f"[LGI: exit code 3: {FULL}]\n")
    assert output(user, following) == "hello\n[LGI: exit code 0]\n"
    assert small.log.read_text().count("job_epilogue_script failed") == 0


@pytest.mark.parametrize("script", ["cat /dev/zero > big; exit 3", "cat /dev/zero; exit 3"])
def test_an_ordinary_users_daemon_goes_on_after_a_job_has_filled_the_disk(
    grid: Grid, ordinary: OrdinaryDaemon, script: str
) -> None:
    """Its jobs can fill the reserve too; the daemon continues all the same."""
    boss = grid.user(BOSS, ("admin",))

    job_id = boss.submit(application="update", input=script.encode().hex())
    finish(boss, job_id)
    following = boss.submit(application="update", input=b"echo hello".hex())
    finish(boss, following)

    assert ended(grid, job_id) == ("finished", 3, FULL)
    assert output(boss, following) == "hello\n[LGI: exit code 0]\n"
    wait_for(lambda: list(ordinary.run.glob("*/*/JOB_*")) == [])


def test_other_jobs_go_on_and_none_is_taken_while_one_holds_all_the_room(
    grid: Grid, small: SmallDisk
) -> None:
    """Each ends with its own exit code though another takes whatever becomes free."""
    user = grid.user()
    go = small.directory / "go"
    begin = f"until [ -e {go} ]; do sleep 0.1; done; exec 2> /dev/null"
    hog = submitted(user, f"{begin}; while :; do cat /dev/zero >> hog; sleep 0.05; done")
    others = [submitted(user, f"{begin}; cat /dev/zero > big; sleep 3; exit {code}") for code in (5, 6)]
    wait_for(lambda: len([one for one in small.states() if (one / "started").exists()]) == 3)
    go.touch()

    for job_id in others:
        finish(user, job_id)
    wait_for(lambda: "not fetching jobs: no space" in small.log.read_text())
    # What the others have freed is taken too, after which there is no room at any moment.
    wait_for(lambda: len(small.jobs()) == 1 and is_full(small.run_directory))
    waiting = submitted(user, "echo hello")
    time.sleep(2)
    state_full = user.state(waiting)
    user.delete(hog)
    wait_for(lambda: user.state(hog) == "aborted")
    finish(user, waiting)

    for job_id, code in zip(others, (5, 6), strict=True):
        state, exit_code, reason = ended(grid, job_id)
        assert (state, exit_code) == ("finished", code)
        assert FULL in str(reason)
        assert re.search(r"\[LGI: exit code [56][^\n]*\]\n\Z", output(user, job_id))
    assert state_full == "queued"
    assert output(user, waiting) == "hello\n[LGI: exit code 0]\n"
