"""LGI_clean keeps what nobody has fetched and what has failed; LGI_get tells the server what is fetched."""

import json

from lgi_tools.client.project import Project
from lgi_tools.commands.clean import main as clean
from lgi_tools.commands.get import main as get
from lgi_tools.commands.qstat import main as qstat
from tests.support.grid import Grid
from tests.tools.test_removal import Run, ended, tool

__all__ = ["tool"]


def left(grid: Grid) -> list[object]:
    """The numbers of all jobs."""
    return [row["job_id"] for row in grid.rows("SELECT job_id FROM job_queue ORDER BY job_id")]


def test_a_job_is_removed_when_its_results_are_fetched(grid: Grid, tool: Run) -> None:
    """The server is told by LGI_get; who has them is shown."""
    first, second = ended(grid, result_dat="42"), ended(grid, result_dat="43")

    assert tool(get, str(first), "-d", "here")[0] == 0
    shown, listed = tool(qstat, str(first))[1], json.loads(tool(qstat, "--json", str(first))[1])
    code, out, err = tool(clean, "--yes")

    assert "Results fetched       : " in shown
    assert listed["job"]["fetched_by"] == "mark@laptop"
    assert (code, out) == (0, "1 jobs removed\n")
    assert f"job {second} is kept because it has files on the server" in err
    assert left(grid) == [second]
    assert tool(clean, "--yes", "--unfetched")[0] == 0
    assert left(grid) == []


def test_results_that_only_a_reader_has_are_kept(grid: Grid, tool: Run) -> None:
    """Else somebody who may read a job could have its owner remove the results."""
    job = ended(grid, result_dat="42")
    grid.set_job(job, fetched=1, fetched_by="bob@desk")

    tool(clean, "--yes")

    assert left(grid) == [job]


def test_results_that_were_fetched_in_part_are_kept(grid: Grid, tool: Run) -> None:
    """With --only or --exclude, and where a file here was not replaced or may be another job's."""
    jobs = [ended(grid, a_dat=text, b_dat="2") for text in ("1", "22", "333", "333")]
    tool(get, str(jobs[0]), "-d", "x", "--only", "a.dat")
    tool(get, str(jobs[1]), "-d", "x", "--exclude", "a.dat")
    tool(get, str(jobs[2]), "-d", "y", "--as", "{file}", "--only", "a.dat")
    for job in (jobs[1], jobs[3]):
        tool(get, str(job), "-d", "y", "--as", "{file}")

    tool(clean, "--yes")

    assert left(grid) == jobs


def test_failed_jobs_are_kept_unless_they_are_named(grid: Grid, tool: Run) -> None:
    """By an option or a number; aborted ones are removed as before."""
    failed, other, named, aborted = (ended(grid) for _ in range(4))
    for job in (failed, other, named):
        grid.set_job(job, exit_code=3)
    grid.set_job(aborted, state="aborted")

    _, out, err = tool(clean, "--yes")
    assert (out, left(grid)) == ("1 jobs removed\n", [failed, other, named])
    assert "3 jobs are kept because each failed" in err

    tool(clean, "--yes", str(named))
    assert left(grid) == [failed, other]
    tool(clean, "--yes", "--with-failed")
    assert left(grid) == []


def test_python_tells_that_results_are_fetched(grid: Grid, tool: Run) -> None:
    """Each job is judged by itself."""
    job = ended(grid, result_dat="42")

    with Project() as project:
        outcomes = project.confirm_results([job, 999])
        found = project.job(job)

    assert [one.error is None for one in outcomes] == [True, False]
    assert found.fetched_by == "mark@laptop"
    assert found.fetched_at is not None
