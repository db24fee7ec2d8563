"""--urgent of the commands that submit, in LGI_flow and Python, and what the commands show of it."""

import json
from collections.abc import Callable
from pathlib import Path

from lgi_tools.client.project import Project
from lgi_tools.commands.explain import main as explain
from lgi_tools.commands.flow import main as flow
from lgi_tools.commands.qstat import main as qstat
from lgi_tools.commands.qsub import main as qsub
from lgi_tools.commands.run import main as run_command
from lgi_tools.commands.top_board import read_board
from lgi_tools.task.command import main as task
from tests.server.test_urgent_jobs import permit
from tests.support.canned_server import Answer, CannedServer
from tests.support.grid import Grid
from tests.tools.test_selection import submitted, tool

Run = Callable[..., tuple[int, str, str]]
__all__ = ["tool"]


def test_an_urgent_job_is_submitted_by_each_command_and_by_python(
    grid: Grid, tool: Run, tmp_path: Path
) -> None:
    """The group by whose right it is urgent is told."""
    permit(grid, 5)
    submitted(grid)
    Path("one").mkdir()
    (Path("one") / "input").write_text("x")
    file = tmp_path / "flow.toml"
    file.write_text('[jobs.a]\ncommand = "echo"\nurgent = true\n')

    codes = [
        tool(*words)[0]
        for words in (
            (run_command, "--urgent", "--", "echo"),
            (qsub, "-a", "command", "--urgent"),
            (task, "submit", "--urgent", "-b", "one", "psi4", "1.5", "psi4"),
            (flow, str(file)),
        )
    ]
    with Project() as project:
        made = project.submit("command", urgent=True)

    assert made.urgent == "theor"
    assert codes == [0, 0, 0, 0]
    found = grid.rows("SELECT urgent_group FROM job_queue ORDER BY job_id")
    assert [row["urgent_group"] for row in found] == ["", *["theor"] * 5]


def test_all_commands_show_that_a_job_is_urgent(grid: Grid, tool: Run) -> None:
    """Details, lists, explanations, and JSON; it stands before others of higher priority."""
    permit(grid, 1)
    before = submitted(grid, priority="100")
    job = submitted(grid, urgent="1")

    details, long, listed, why = (
        tool(*words)[1]
        for words in (
            (qstat, str(job)),
            (qstat, "--long", str(job)),
            (qstat, "--json", str(job)),
            (explain, str(job)),
        )
    )
    with Project() as project:
        board = read_board(project)

    assert "Job urgent            : before all other jobs, for theor\n" in details
    assert "queued, urgent" in long
    assert json.loads(listed)["job"]["urgent"] == "theor"
    assert "  it is urgent, by the right of theor: resources get it before all other jobs\n" in why
    assert [one.id for one in board.jobs] == [job, before]


def test_a_user_without_the_right_is_told_so(grid: Grid, tool: Run) -> None:
    """Of an array too, before its elements are sent."""
    submitted(grid)

    single = tool(run_command, "--urgent", "--", "echo")
    permit(grid, 2)
    array = tool(run_command, "--urgent", "--array", "1-3", "--", "echo", "{}")

    assert single[0] != 0
    assert "no administrator has given them that right" in single[2]
    assert array[0] != 0
    assert "theor may have 2 urgent jobs at once, the array has 3" in array[2]


def test_an_older_server_is_named(run: Run, server: CannedServer) -> None:
    """It would read over --urgent: nothing is submitted."""
    server.will_answer_call("interfaces/interface_submit_jobs", Answer(b"<html> not here </html>", 404))

    made = run(qsub, "-a", "hello_world", "--urgent")

    assert "this server is too old for --urgent" in made[1] + made[2]
