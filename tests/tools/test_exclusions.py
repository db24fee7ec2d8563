"""--not-on of the commands that submit, in LGI_flow and Python, and what LGI_explain says of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_protocol import capabilities
from lgi_tools.client.job_plan import JobPlan, plan_of
from lgi_tools.client.project import Project
from lgi_tools.commands.explain import main as explain
from lgi_tools.commands.flow import main as flow
from lgi_tools.commands.qsub import main as qsub
from lgi_tools.commands.run import main as run_command
from lgi_tools.task.command import main as task
from tests.server.test_exclusions import called
from tests.support.exchanges import daemon, end_of
from tests.support.grid import Grid
from tests.tools.test_selection import submitted, tool

Run = Callable[..., tuple[int, str, str]]
__all__ = ["tool"]
COMMAND = "<command> </command>"


def test_an_excluded_resource_is_named_to_each_command_and_to_python(
    grid: Grid, tool: Run, tmp_path: Path
) -> None:
    """Several times, or with commas."""
    for name in ("bad1@x", "bad2@x"):
        grid.resource(name, COMMAND)
    Path("one").mkdir()
    (Path("one") / "input").write_text("x")
    file = tmp_path / "flow.toml"
    file.write_text('[jobs.a]\ncommand = "echo"\nnot_on = ["bad1@x", "bad2@x"]\n')

    codes = [
        tool(*words)[0]
        for words in (
            (run_command, "--not-on", "bad1@x,bad2@x", "--", "echo"),
            (run_command, "--not-on", "bad1@x", "--not-on", "bad2@x", "--array", "1-2", "--", "echo"),
            (qsub, "-a", "command", "--not-on", "bad1@x, bad2@x"),
            (task, "submit", "--not-on", "bad1@x,bad2@x", "-b", "one", "psi4", "1.5", "psi4"),
            (flow, str(file)),
        )
    ]
    with Project() as project:
        project.submit("command", not_on=["bad1@x", "bad2@x"])

    assert codes == [0] * 5
    found = grid.rows("SELECT job_id, name FROM job_access WHERE role = 'not_on' ORDER BY job_id, name")
    assert [row["name"] for row in found] == ["bad1@x", "bad2@x"] * 7


def test_a_name_of_no_resource_is_refused(tool: Run) -> None:
    """A word that was misspelled would let the job run where it must not."""
    code, _, told = tool(run_command, "--not-on", "nodd7", "--", "echo")

    assert code != 0
    assert "not_on is not acceptable: the project has no resource nodd7" in told


def test_the_explanation_of_a_job_says_which_resources_it_excludes(grid: Grid, tool: Run) -> None:
    """And on which one it has just failed."""
    grid.resource("bad1@x", COMMAND)
    one = daemon(grid, "bad2@x", capabilities=COMMAND)
    called(grid)
    job_id = submitted(grid, not_on="bad1@x", retries="1", backoff="0")
    (job,) = one.want(application="command")
    one.report(end_of(job, b"", state="aborted"))

    told = tool(explain, str(job_id))[1]

    assert "  bad1@x: is excluded by the job's --not-on\n" in told
    assert "  bad2@x: gets it in " in told
    assert "it has just failed there, and others come first" in told
    assert "  res1@cluster: accepts such jobs" in told


def test_names_of_resources_are_lists_or_text() -> None:
    """Each once."""
    assert plan_of(not_on="a, b,a") == plan_of(not_on=["a", "b"]) == JobPlan(not_on=("a", "b"))


@pytest.mark.parametrize("text", ["1234567890", "9" * 60])
def test_more_gpus_than_nine_digits_are_more_than_any_resource_has(text: str) -> None:
    """A job is not run without the GPUs that it requests."""
    offered = "<command> <max_gpus> 8 </max_gpus> </command>"

    why = capabilities.missing_capability(offered, "command", f"<gpus> {text} </gpus>")

    assert why == "gives a job 8 GPUs at most, not 1000000000"
