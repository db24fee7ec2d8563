"""LGI_resubmit and Project.resubmit: jobs that have ended, submitted again."""

import json
from collections.abc import Callable

import pytest

from lgi_tools.client import numbered_calls
from lgi_tools.client.project import Project
from lgi_tools.commands.resubmit import main as resubmit
from tests.support.canned_server import Answer, CannedServer
from tests.support.grid import Grid
from tests.tools.test_selection import listed, submitted, tool

Run = Callable[..., tuple[int, str, str]]
__all__ = ["tool"]


def test_the_failed_jobs_of_a_sweep_are_submitted_again(grid: Grid, tool: Run) -> None:
    """These and no others; their new numbers are printed, one on a line, for a pipe."""
    failed = submitted(grid, "finished", job_name="sweep", labels="T=300")
    submitted(grid, job_name="sweep")
    submitted(grid, "finished")

    code, out, err = tool(resubmit, "--name", "sweep", "--failed")

    assert (code, err) == (0, "")
    (new,) = map(int, out.split())
    assert listed(tool, "--label", f"resubmitted_from={failed}", "--label", "T=300") == [new]


def test_only_those_of_a_selection_are_submitted_that_have_ended(grid: Grid, tool: Run) -> None:
    """A number that is given for a job that has not is refused, and the others are submitted."""
    ended, queued = submitted(grid, "aborted", job_name="x"), submitted(grid, job_name="x")

    by_name = tool(resubmit, "--name", "x", "--json")
    by_number = tool(resubmit, str(queued), str(ended))

    assert by_name[0] == 0
    assert [job["resubmitted_from"] for job in json.loads(by_name[1])["jobs"]] == [ended]
    assert by_number[0] == 1
    assert len(by_number[1].split()) == 1
    assert f"job {queued}: Only a job that has ended can be submitted again" in by_number[2]


def test_many_jobs_are_submitted_again_in_parts(
    grid: Grid, tool: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call has no more than a server takes; the outcomes are in the order asked for."""
    jobs = [submitted(grid, "finished") for _ in range(3)]
    monkeypatch.setattr(numbered_calls, "MOST", 2)

    with Project() as project:
        outcomes = project.resubmit([*reversed(jobs), 999])

    assert [one.resubmitted_from for one in outcomes] == [*reversed(jobs), 999]
    assert [one.job_id > 0 for one in outcomes] == [True, True, True, False]
    assert outcomes[3].error
    assert outcomes[3].error.number == 15


def test_an_older_server_is_named(run: Run, server: CannedServer) -> None:
    """It has no such call; nothing is submitted in another way."""
    server.will_answer_call("interfaces/interface_resubmit_jobs", Answer(b"<html> not here </html>", 404))

    code, _, err = run(resubmit, "7")

    assert code == 1
    assert "this server is too old to submit jobs again" in err
