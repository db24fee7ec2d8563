"""LGI_priority, --priority, and what the other commands show of it."""

import json
from collections.abc import Callable

import pytest

from lgi_tools.client.project import Project
from lgi_tools.commands.explain import main as explain
from lgi_tools.commands.priority import main as priority
from lgi_tools.commands.qstat import main as qstat
from lgi_tools.commands.qsub import main as qsub
from lgi_tools.commands.run import main as run_command
from tests.support.canned_server import Answer, CannedServer, lgi, lgi_error
from tests.support.grid import Grid
from tests.tools.test_selection import submitted, tool

Run = Callable[..., tuple[int, str, str]]
__all__ = ["tool"]


def test_a_selection_gets_a_priority_that_all_commands_show(grid: Grid, tool: Run) -> None:
    """Of a selection its queued jobs only."""
    queued = submitted(grid, job_name="sweep")
    submitted(grid, "finished", job_name="sweep")

    code, out, _ = tool(priority, "--to", "-50", "--name", "sweep", "--json")
    details, long, listed, why = (
        tool(*words)[1]
        for words in (
            (qstat, str(queued)),
            (qstat, "--long"),
            (qstat, "--json", "-s", "queued"),
            (explain, str(queued)),
        )
    )

    assert code == 0
    assert json.loads(out)["jobs"] == [{"job_id": queued, "state": "queued", "priority": -50}]
    assert "Job priority          : -50 among the jobs of its user\n" in details
    assert "queued, priority -50" in long
    assert json.loads(listed)["jobs"][0]["priority"] == -50
    assert "  it has priority -50 among the queued jobs of its user\n" in why


def test_a_job_is_submitted_with_a_priority(grid: Grid, tool: Run) -> None:
    """By a command, by Python, and for all elements of an array."""
    submitted(grid)

    code, out, _ = tool(qsub, "-a", "command", "--priority", "9", "--json")
    with Project() as project:
        made = project.submit("command", priority=-9)
        (outcome,) = project.prioritize([made], 4)
        found = project.job(made).priority

    assert code == 0
    assert json.loads(out)["job"]["priority"] == 9
    assert (made.priority, outcome.priority, found) == (-9, 4, 4)


def test_a_deadline_is_changed_and_taken_away(grid: Grid, tool: Run) -> None:
    """The priority stays, unless that is given too."""
    job = submitted(grid, priority="7")

    changed = tool(priority, "--deadline", "2100-01-01T00:00Z", str(job), "--json")
    gone = tool(priority, "--deadline", "none", "--to", "8", str(job), "--json")
    neither = tool(priority, str(job))

    assert json.loads(changed[1])["jobs"] == [
        {"job_id": job, "state": "queued", "priority": 7, "deadline": 4102444800}
    ]
    assert json.loads(gone[1])["jobs"] == [{"job_id": job, "state": "queued", "priority": 8}]
    assert neither[0] == 1
    assert "--to N or --deadline TIME" in neither[2]


def test_a_server_that_reads_over_deadlines_is_named(run: Run, server: CannedServer) -> None:
    """One that has the call, but changes priorities only."""
    job = "<job number='1'> <job_id> 7 </job_id> <state> queued </state> <priority> 5 </priority> </job>"
    call = "interfaces/interface_prioritize_jobs"
    server.will_answer_call(call, lgi(f"<number_of_jobs> 1 </number_of_jobs> {job}"), lgi_error(25, "no"))

    both = run(priority, "--to", "5", "--deadline", "6h", "7")
    alone = run(priority, "--deadline", "6h", "7")

    for code, _, err in (both, alone):
        assert code == 1
        assert "this server is too old to change deadlines" in err


@pytest.mark.parametrize("value", ["101", "-101", "high"])
def test_a_value_that_is_no_priority_is_refused_before_anything_is_sent(
    server: CannedServer, run: Run, value: str
) -> None:
    """By the command that changes it, and by a submit."""
    assert run(priority, "--to", value, "7")[0] != 0
    assert run(qsub, "-a", "hello_world", "--priority", value)[0] != 0
    assert server.requests == []


def test_an_older_server_is_named(run: Run, server: CannedServer) -> None:
    """It would read over --priority: nothing is submitted; and it has no call for it."""
    for call in ("interface_prioritize_jobs", "interface_submit_jobs"):
        server.will_answer_call(f"interfaces/{call}", Answer(b"<html> not here </html>", 404))

    changed = run(priority, "--to", "5", "7")
    made = run(qsub, "-a", "hello_world", "--priority", "5")

    assert "this server is too old to order queued jobs" in changed[2]
    assert "this server is too old for --priority" in made[1] + made[2]


def test_a_deadline_is_shown_and_that_it_will_be_missed(grid: Grid, tool: Run) -> None:
    """Where a job asks for more time than is left, or the deadline is over."""
    submitted(grid)
    late, early = (
        json.loads(tool(*(run_command, "--json", "--deadline", "5h", "--time", time, "--", "echo"))[1])[
            "job_id"
        ]
        for time in ("6h", "4h")
    )
    over = submitted(grid, deadline="1000000000")

    texts = [tool(explain, str(job))[1] for job in (late, early, over)]
    long = tool(qstat, "--long")[1].splitlines()

    assert "it will miss its deadline in 4 hours: it asks for 6 hours" in texts[0]
    assert "its deadline is in 4 hours" in texts[1]
    assert "it has missed its deadline, " in texts[2]
    assert ["misses its deadline" in line for line in long[1:5]] == [False, True, False, True]
    assert "Job deadline          : " in tool(qstat, str(late))[1]
    with Project() as project:
        assert project.job(late).is_late
        assert not project.job(early).is_late


@pytest.mark.parametrize("value", ["soon", "2001-01-01", "-5m"])
def test_a_deadline_that_is_over_or_no_time_is_refused(server: CannedServer, run: Run, value: str) -> None:
    """Before anything is sent."""
    assert run(qsub, "-a", "hello_world", "--deadline", value)[0] != 0
    assert run(priority, "--deadline", value, "7")[0] != 0
    assert server.requests == []
