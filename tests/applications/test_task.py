"""LGI_task from a folder to a container of a real daemon and back."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import RESOURCE, signed_up
from tests.acceptance.test_commands import home, run  # noqa: F401 - home is a fixture
from tests.support.grid import Grid, wait_for

from .test_whole_jobs import CommandDaemon

pytestmark = pytest.mark.slow

BUSYBOX = ("lgi/busybox", "1.0")


@pytest.fixture
def offered(grid: Grid, images: Path) -> Iterator[CommandDaemon]:
    """A running daemon that offers containers, with staging."""
    settings = f"images={shlex.quote(str(images))}\nstage=yes\n"
    with signed_up(CommandDaemon(grid, "container", settings)) as made:
        yield made


def test_a_folder_runs_in_its_container_and_comes_back(
    grid: Grid,
    offered: CommandDaemon,
    home: Path,  # noqa: F811
) -> None:
    """Submit, status, get, prune: files of the job, both streams, its exit code; inputs stay as they are."""
    (home / "input.dat").write_text("of mine\n")
    (home / "restart").write_text("step 0\n")
    # It begins when its status has been asked for.
    line = "until [ -e go ]; do sleep 0.1; done; rm go; "
    line += (
        "cat input.dat /etc/image; pwd; echo made > made.txt; echo step 1 > restart; echo oops >&2; exit 3"
    )

    codes = run(home, "LGI_task", "list-codes")
    submitted = run(home, "LGI_task", "submit", *BUSYBOX, line)
    early = run(home, "LGI_task", "status")
    wait_for(lambda: any((job / "input.dat").exists() for job in offered.jobs()))
    (offered.jobs()[0] / "go").touch()
    wait_for(lambda: "completed" in run(home, "LGI_task", "status").stdout)
    late = run(home, "LGI_task", "status")
    kept = run(home, "LGI_task", "get")
    got = {path.name: path.read_text() for path in home.glob("[a-z]*") if path.is_file()}
    forced = run(home, "LGI_task", "get", "--force")
    restart = (home / "restart").read_text()
    pruned = run(home, "LGI_task", "prune")
    after = run(home, "LGI_task", "status")
    refused = run(home, "LGI_task", "submit", "-t", "nobody@nowhere", *BUSYBOX, "true")
    again = run(home, "LGI_task", "submit", *BUSYBOX, "true")
    wait_for(lambda: "exit code 0" in run(home, "LGI_task", "status").stdout)
    last = run(home, "LGI_task", "get")

    assert (codes.stdout, codes.stderr) == (f"lgi/busybox 1.0 {RESOURCE}\n", "")
    assert (submitted.stdout.strip().isdigit(), submitted.stderr) == (True, "")
    assert early.stdout.strip() in {"submitted", "running"}
    assert (late.stdout, late.returncode) == ("completed: exit code 3\n", 0)
    assert sorted(kept.stdout.split()) == ["joberr.txt", "joblog.txt", "made.txt"]
    assert kept.stderr == "LGI_task: restart already exists and differs: get --force replaces it\n"
    assert kept.returncode == 1
    assert got == {
        "input.dat": "of mine\n",
        "restart": "step 0\n",
        "made.txt": "made\n",
        "joblog.txt": "of mine\nbusybox 1.0\n/rundir\n",
        "joberr.txt": "oops\n",
    }
    assert (forced.stdout.split(), forced.returncode) == (["input.dat", "restart"], 0)
    assert restart == "step 1\n"
    assert (pruned.stdout, pruned.returncode) == ("1 pruned\n", 0)
    assert after.stdout == "completed: exit code 3, pruned\n"
    assert "LGI error" in refused.stderr
    assert (again.returncode, again.stderr) == (0, "")
    assert sorted(last.stdout.split()) == ["joberr.txt", "joblog.txt"]
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 1


@pytest.mark.usefixtures("offered")
def test_many_folders_come_back(grid: Grid, home: Path) -> None:  # noqa: F811
    """With one command each for all of them."""
    for number in range(6):
        folder = home / "dirs" / f"{number:02}"
        folder.mkdir(parents=True)
        (folder / "in").write_text(f"{number}\n")

    run(home, "LGI_task", "submit", "-b", "dirs/*", *BUSYBOX, "cp in out; exit $(cat in)")
    summary = ["LGI_task", "status", "--summary", "-b", "dirs/*"]
    wait_for(lambda: run(home, *summary).stdout.count("1 completed: exit code") == 6)
    status = run(home, "LGI_task", "status", "--json", "-b", "dirs/*")
    got = run(home, "LGI_task", "get", "-b", "dirs/*")
    pruned = run(home, "LGI_task", "prune", "-b", "dirs/*")

    told = json.loads(status.stdout)["folders"]
    assert [one["exit_code"] for one in told] == list(range(6))
    assert {one["status"] for one in told} == {"completed"}
    assert (got.stdout, got.stderr, got.returncode) == ("18 files into 6 folders\n", "", 0)
    assert (home / "dirs" / "05" / "out").read_text() == "5\n"
    assert (pruned.stdout, pruned.returncode) == ("6 pruned\n", 0)
    assert grid.rows("SELECT job_id FROM job_queue") == []


def test_a_running_folder_is_cancelled(offered: CommandDaemon, home: Path) -> None:  # noqa: F811
    """It cannot be pruned before, and its results are not there to get."""
    run(home, "LGI_task", "submit", *BUSYBOX, "touch begun; sleep 300")
    wait_for(lambda: any((job / "begun").exists() for job in offered.jobs()))

    early = [run(home, "LGI_task", *words) for words in (["get"], ["prune", "--yes"])]
    cancelled = run(home, "LGI_task", "cancel")
    wait_for(lambda: "completed" in run(home, "LGI_task", "status").stdout)

    assert [one.returncode for one in early] == [1, 1]
    assert "has not ended: it is running" in early[0].stderr
    assert "only what has ended can be pruned" in early[1].stderr
    assert cancelled.stdout == "1 being cancelled\n"
    assert run(home, "LGI_task", "status").stdout == "completed: cancelled\n"
