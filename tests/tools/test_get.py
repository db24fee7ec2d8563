"""LGI_get: the files and the output of any selection of jobs, in folders of their own or by a pattern."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_tools.commands.get import main as get
from lgi_tools.commands.get_paths import PathPattern
from tests.support.grid import Grid
from tests.tools.test_selection import tool

pytestmark = pytest.mark.one_database

Run = Callable[..., tuple[int, str, str]]
__all__ = ["tool"]
OUTPUT = b"standard output\n[LGI: standard error]\nan error\n[LGI: exit code 0]\n"


def finished(grid: Grid, *files: Path, state: str = "finished", **fields: str) -> int:
    """A job that has ended, with these files in its repository."""
    job_id = grid.user().submit(files, application="command", **fields)
    grid.set_job(job_id, state=state, exit_code=0, output=OUTPUT)
    return job_id


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A program that was changed long ago."""
    path = tmp_path / "data.sh"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


def tree(top: Path = Path()) -> list[str]:
    """The files below a directory."""
    return sorted(str(path.relative_to(top)) for path in top.rglob("*") if path.is_file())


def test_each_job_of_a_selection_gets_a_folder(grid: Grid, tool: Run, data: Path) -> None:
    """With its files as they were in the job, and both streams, without LGI's own line at the end."""
    one, two = (finished(grid, data, job_name="sweep") for _ in range(2))
    running = grid.user().submit(application="command", job_name="sweep")
    finished(grid, data, job_name="other")

    code, out, err = tool(get, "--name", "sweep", "-d", "results")

    assert (code, err) == (0, "")
    names = ("data.sh", "joberr.txt", "joblog.txt")
    assert tree(Path("results")) == sorted(f"{job}/{name}" for job in (one, two) for name in names)
    assert sorted(out.split()) == [f"results/{path}" for path in tree(Path("results"))]
    assert str(running) not in out
    assert Path(f"results/{one}/joblog.txt").read_text() == "standard output\n"
    assert Path(f"results/{one}/joberr.txt").read_text() == "an error\n"
    status = Path(f"results/{two}/data.sh").stat()
    assert (status.st_mtime, status.st_mode & 0o111) == (1_000_000_000, 0o111)


def test_a_file_that_is_here_is_not_fetched_again(grid: Grid, tool: Run, data: Path) -> None:
    """What was deleted or is missing is; what was changed here stays, unless --force is given."""
    job = finished(grid, data)
    tool(get, str(job))
    Path(f"{job}/joblog.txt").unlink()
    Path(f"{job}/data.sh").write_text("mine")

    code, out, err = tool(get, str(job))
    forced = tool(get, str(job), "--force", "--json")

    assert (code, out) == (1, f"{job}/joblog.txt\n")
    assert err == f"LGI_get: job {job}: data.sh: {job}/data.sh exists and differs: --force replaces it\n"
    assert json.loads(forced[1]) == {
        "jobs": [{"job_id": job, "files": [f"{job}/data.sh"], "unchanged": 2, "faults": []}]
    }
    assert Path(f"{job}/data.sh").read_text() == "#!/bin/sh\n"


def test_a_pattern_that_no_file_matches_is_an_error(grid: Grid, tool: Run, data: Path) -> None:
    """A job without such a file beside others that have it is told of."""
    having, lacking = finished(grid, data), finished(grid)

    none = tool(get, str(having), "--only", "*.dat", "--only", "*.sh", "-d", "a")
    some = tool(get, str(having), str(lacking), "--only", "*.sh", "-d", "b")

    assert (none[0], none[1]) == (1, f"a/{having}/data.sh\n")
    assert none[2] == "LGI_get: no file of the selected jobs has a name like '*.dat'\n"
    assert (some[0], some[2]) == (0, f"LGI_get: no such file: job {lacking}\n")


def test_a_pattern_puts_all_files_into_one_directory(grid: Grid, tool: Run, data: Path) -> None:
    """A name is one part of it, whatever it contains; one without a name has its number."""
    named = finished(grid, data, job_name="../a/b")
    unnamed = finished(grid, data)

    code, _, err = tool(get, "--all", "--as", "{application}-{name}-{file}", "--only", "*.sh")

    assert (code, err) == (0, "")
    assert tree() == sorted(["command-.._a_b-data.sh", f"command-{unnamed}-data.sh"])
    assert tool(get, str(named), "--exclude", "*.sh", "--as", "{id}.{file}")[0] == 0
    assert f"{named}.joblog.txt" in tree()


def test_two_jobs_do_not_write_the_same_file(grid: Grid, tool: Run, data: Path) -> None:
    """The first one has it, and the other is named with what to do."""
    one, two = (finished(grid, data) for _ in range(2))

    code, out, err = tool(get, str(one), str(two), "-j", "1", "--as", "all/{file}", "--only", "*.sh")

    assert (code, out) == (1, "all/data.sh\n")
    assert f"job {two}: data.sh: job {one} has the same path all/data.sh: use a pattern with {{id}}" in err


def test_a_job_that_has_no_files_is_told(grid: Grid, tool: Run, data: Path) -> None:
    """One that runs, and one that does not exist; the others are fetched all the same."""
    queued, ended = grid.user().submit(application="command"), finished(grid, data)

    code, out, err = tool(get, "9999", str(queued), str(ended))

    assert code == 1
    assert len(out.splitlines()) == 3
    assert "job 9999: it does not exist, or you may not read it" in err
    assert f"job {queued}: it is queued: LGI_wait waits until it has ended" in err


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_symbolic_link_is_not_followed(
    grid: Grid, tool: Run, data: Path, tmp_path: Path, kind: str
) -> None:
    """Neither a folder nor a file that is one: it may lead to what belongs to something else."""
    job = finished(grid, data)
    target = tmp_path / "target"
    if kind == "folder":
        target.mkdir()
        Path(str(job)).symlink_to(target)
    else:
        target.write_text("")
        Path(str(job)).mkdir()
        for name in ("data.sh", "joblog.txt", "joberr.txt"):
            Path(f"{job}/{name}").symlink_to(target)

    code, out, err = tool(get, str(job), "--force")

    assert (code, out) == (1, "")
    assert err.count("is a symbolic link: move it away") == 3
    assert (list(target.iterdir()) if kind == "folder" else target.read_text()) in ([], "")


def test_an_output_that_is_not_whole_is_told(grid: Grid, tool: Run) -> None:
    """What was reported is written."""
    job = finished(grid)
    grid.set_job(job, output=b"begin\n[LGI: cut, it has 9000 bytes]\n")

    code, out, err = tool(get, str(job))

    assert (code, out) == (1, f"{job}/joblog.txt\n")
    assert "joblog.txt: only 6 of 9000 bytes were reported" in err


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("{id}", "has no {file}"),
        ("{job}/{file}", "{job} is not one of {id}, {name}, {application}, {file}"),
        ("/tmp/{file}", "leads out of the directory"),
        ("a/../../{file}", "leads out of the directory"),
    ],
)
def test_a_pattern_that_makes_no_sense_is_refused(run: Run, pattern: str, why: str) -> None:
    """Before anything is asked or written."""
    code, _, err = run(get, "1", "--as", pattern)

    assert code == 1
    assert why in err
    assert tree() == []


@pytest.mark.parametrize("name", ["../up", "a//b", "/etc/passwd", ".", "a/.."])
def test_a_name_of_a_server_does_not_lead_elsewhere(name: str) -> None:
    """Whatever the server says, files are written below the directory."""
    from lgi_tools.client.job import Job
    from lgi_tools.client.local_path import UnsafePathError

    job = Job.__new__(Job)
    for field, value in (("id", 7), ("name", ""), ("application", "command")):
        object.__setattr__(job, field, value)

    with pytest.raises(UnsafePathError):
        PathPattern("{id}/{file}").path(job, name)


def test_files_of_two_jobs_are_told_apart(grid: Grid, tool: Run, tmp_path: Path) -> None:
    """By their exact times, where paths are shared: those of a sweep have size and second in common."""
    jobs = []
    for text in ("one", "two"):
        path = tmp_path / text / "energy.dat"
        path.parent.mkdir()
        path.write_text(text)
        os.utime(path, ns=(10**18 + len(jobs), 10**18 + len(jobs)))
        jobs.append(str(finished(grid, path)))
    words = ("--as", "{file}", "--only", "energy.dat")

    first, again, other = (tool(get, job, *words) for job in (jobs[0], jobs[0], jobs[1]))

    assert (first, again) == ((0, "energy.dat\n", ""), (0, "", ""))
    assert other[0] == 1
    assert f"job {jobs[1]}: energy.dat: energy.dat exists and differs: --force replaces it" in other[2]
    assert Path("energy.dat").read_text() == "one"
