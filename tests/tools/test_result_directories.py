"""LGI_run -d: the results of a job are brought to a directory here, by itself or by LGI_get."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_tools.client import result_directory
from lgi_tools.commands.get import main as get
from lgi_tools.commands.qstat import main as qstat
from lgi_tools.commands.run import main as run_command
from tests.support.canned_server import CannedServer, end_fields, lgi
from tests.support.grid import Grid

from .test_removal import store, tool
from .test_run import STATE, SUBMIT, job, stores

Run = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.one_database
__all__ = ["tool"]
RECORD = "result_directories"


def submitted(tool: Run, *words: str) -> str:
    """A job of LGI_run that has ended since, with a result."""
    code, out, err = tool(run_command, *words)
    assert (code, err) == (0, "")
    return out.strip()


def end(grid: Grid, tool: Run, job: str, **files: str) -> None:
    """The job has ended, and has stored these files."""
    url = json.loads(tool(qstat, "--json", job)[1])["job"]["repository_url"]
    store(grid, url, files)
    grid.set_job(int(job), state="finished", exit_code=0, output=b"done\n[LGI: exit code 0]\n")


def test_results_go_where_the_job_was_submitted(grid: Grid, tool: Run) -> None:
    """By LGI_get, wherever it is called, without the input as it was sent; -d and --as go before."""
    Path("data").write_text("input")
    number = submitted(tool, "-d", ".", "-f", "data", "x")
    end(grid, tool, number, energy_dat="42", joblog_txt="done\n", joberr_txt="")
    Path("data").write_text("changed since")
    here, there = Path.cwd(), Path.cwd().parent / "there"
    there.mkdir()
    os.chdir(there)

    brought, again, own = (tool(get, *words, number) for words in ((), (), ("-d", "own")))

    assert brought == (0, f"{here}/energy.dat\n{here}/joblog.txt\n", "")
    assert again == (0, "", "")
    assert (here / "energy.dat").read_text() == "42"
    assert sorted(path.name for path in here.iterdir()) == ["data", "energy.dat", "joblog.txt"]
    assert own[0] == 0
    assert (there / "own" / number / "data").read_text() == "input"


def test_a_file_that_is_in_the_way_is_kept(grid: Grid, tool: Run) -> None:
    """And so is a directory that was replaced by a link: nothing is written through it."""
    number = submitted(tool, "-d", "results", "x")
    end(grid, tool, number, energy_dat="42", own_dat="7")
    Path("results").mkdir()
    Path("results/energy.dat").write_text("mine")
    Path("results/own.dat").symlink_to("elsewhere")

    code, _, err = tool(get, number)

    assert code == 1
    assert "energy.dat exists and differs: --force replaces it" in err
    assert "own.dat is a symbolic link: move it away" in err
    assert Path("results/energy.dat").read_text() == "mine"
    assert not Path("elsewhere").exists()


def test_hidden_files_are_brought_on_request_only(grid: Grid, tool: Run) -> None:
    """A resource could set up programs in a home, or in a repository of git: none is made there unasked."""
    number = submitted(tool, "-d", ".", "--output", "**", "x")
    evil = dict.fromkeys((".profile", ".git%2Fhooks%2Fx", "src%2F.git%2Fhooks%2Fx"), "evil")
    end(grid, tool, number, **evil, **{"a%2F.hidden": "a result"})

    code, _, err = tool(get, number)
    asked = tool(get, number, "-d", "own")

    assert code == 1
    assert err.count("a hidden file is not brought") == 3
    hidden, names = {str(path) for path in Path().rglob(".*")}, (".git", ".profile", "a/.hidden", "src/.git")
    assert hidden == {"a/.hidden", *(f"own/{number}/{name}" for name in names)}
    assert asked[0] == 0


def test_results_of_a_job_that_is_waited_for_come_at_once(run: Run, server: CannedServer) -> None:
    """Also when no record of it can be written, which is a warning."""
    stored = stores(server, {"energy.dat": b"42"})
    server.will_answer_call(SUBMIT, lgi(job(more=stored)))
    server.will_answer_call(STATE, *[lgi(job("finished", b"hi\n", end_fields(0) + stored))] * 2)
    home = result_directory.own_directory()
    (home / RECORD).mkdir()

    code, out, err = run(run_command, "--wait", "-d", "new/place", "x")

    assert (code, out) == (0, "hi\n")
    assert Path("new/place/energy.dat").read_text() == "42"
    assert "warning: the directory is not remembered" in err


def test_a_record_that_is_damaged_is_read_as_far_as_it_can_be(home: Path) -> None:
    """It is cut on a full disk, and grows no longer than a bound; old jobs are dropped."""
    path = home / ".LGI" / RECORD
    for number in range(1, 4):
        result_directory.remember(result_directory.ResultDirectory(number, "u", f"/{number}"))
    path.write_text(path.read_text() + '{"job_id": 9\nnull\n[1]\n{"job_id": "x"}\n')

    assert [one.directory for one in result_directory.known().values()] == ["/1", "/2", "/3"]
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("\n" * (2 * result_directory.MOST + 1))
    result_directory.remember(result_directory.ResultDirectory(7, "u", "/7"))
    assert len(path.read_text().splitlines()) == result_directory.MOST + 1


@pytest.mark.parametrize("words", [("--batch", "-"), ("--array", "1-3")])
def test_many_jobs_have_no_directory_in_common(
    run: Run, server: CannedServer, words: tuple[str, ...]
) -> None:
    """Their files would have the same names; the message says what brings them."""
    code, _, err = run(run_command, *words, "-d", ".", *(["x"] if "--array" in words else []))

    assert (code, server.requests) == (1, [])
    assert "LGI_get -d DIR" in err
