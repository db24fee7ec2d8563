"""LGI_share, and who may read what is submitted."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_tools.commands.run import main as run
from lgi_tools.commands.share import main as share
from lgi_tools.task.command import main as task
from tests.support.grid import Grid
from tests.tools.test_selection import submitted, tool

Run = Callable[..., tuple[int, str, str]]
__all__ = ["tool"]


def access(grid: Grid) -> list[tuple[object, object]]:
    """Who may read and who may change the jobs."""
    rows = grid.rows("SELECT read_access, write_access FROM job_queue ORDER BY job_id")
    return [(row["read_access"], row["write_access"]) for row in rows]


def test_a_selection_is_shared_and_unshared(grid: Grid, tool: Run) -> None:
    """What is printed is who has access now."""
    jobs = [submitted(grid, job_name="sweep") for _ in range(2)]
    submitted(grid)
    own = "admin, mark@laptop"

    code, out, _ = tool(share, "--name", "sweep", "--with", "bob@x,science", "--write")
    first = access(grid)
    moved = json.loads(tool(share, str(jobs[0]), "--with", "eve@y", "--unshare", "science", "--json")[1])

    assert code == 0
    assert out.splitlines() == [
        f"{job} read: {own}, bob@x, science; write: {own}, bob@x, science" for job in sorted(jobs)
    ]
    assert first == [(f"{own}, bob@x, science",) * 2] * 2 + [(own, own)]
    assert moved["jobs"][0]["read_access"][2:] == ["bob@x", "eve@y"]
    assert access(grid)[0] == (f"{own}, bob@x, eve@y", f"{own}, bob@x")


def test_a_name_that_the_project_does_not_know_is_warned_of(grid: Grid, tool: Run) -> None:
    """It is shared all the same: somebody new has no job yet. Groups and users with jobs are known."""
    jobs = [submitted(grid) for _ in range(2)]
    grid.user("eve@desk", ("evil",)).submit(application="command")

    code, _, err = tool(share, *map(str, jobs), "--with", "eve@desk,theor,any,eve@dsek")

    warning = "no job and no rule of the project has 'eve@dsek': is it spelt right?"
    assert (code, err) == (0, f"LGI_share: warning: {warning}\n")
    assert all("eve@dsek" in str(readers) for readers, _ in access(grid)[:2])


def test_a_job_that_is_not_ones_own_is_an_error_and_the_others_are_shared(grid: Grid, tool: Run) -> None:
    """The exit code is 1, and the message has the number of the job."""
    own = submitted(grid)
    other = grid.user("eve@desk", ("evil",)).submit(application="command")

    code, out, err = tool(share, str(own), str(other), "--with", "bob@x")

    assert code == 1
    assert out.startswith(f"{own} read: ")
    assert f"job {other}: " in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("7",), "say with whom"),
        (("7", "--unshare", "bob", "--write"), "--write is for the names of --with"),
        (("7", "--with", "bob", "--unshare", "a, bob"), "bob is named by --with and by --unshare"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    grid: Grid, tool: Run, words: tuple[str], message: str
) -> None:
    """Before any call is made."""
    code, _, err = tool(share, *words)

    assert code == 1
    assert message in err


def test_jobs_are_shared_by_their_submit(
    grid: Grid, tool: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With LGI_run, also of elements of arrays, and LGI_task; who may change a job may read it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)

    tool(run, "-r", "bob@x", "--write-access", "science", "--", "true")
    tool(run, "-r", "bob@x", "--array", "1-2", "--", "true")
    assert tool(task, "submit", "-r", "bob@x", "psi4", "1.5", "true")[0] == 0

    own = "admin, mark@laptop"
    assert access(grid) == [
        (f"{own}, bob@x, science", f"{own}, science"),
        *[(f"{own}, bob@x", own)] * 3,
    ]
