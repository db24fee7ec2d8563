"""LGI_flow: jobs that follow each other, described in a file."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_tools.commands.flow import main as flow
from tests.support.grid import Grid
from tests.tools.test_selection import tool

Run = Callable[..., tuple[int, str, str]]
__all__ = ["tool"]
FLOW = """
[jobs.last]
command = "echo done"
after = ["middle"]

[jobs.first]
command = ["echo", "a b"]

[jobs.middle]
command = "echo x"
after = ["first"]
after_any = ["other"]
name = "m"
labels = { T = "300" }
retries = 2
backoff = "5m"
mem = "2G"

[jobs.other]
command = "true"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of a flow."""
    path = tmp_path / "flow.toml"
    path.write_text(FLOW)
    return path


def numbers(out: str) -> dict[str, int]:
    """The printed names and numbers of jobs."""
    return {name: int(number) for name, number in (line.split() for line in out.splitlines())}


def test_the_jobs_of_a_file_are_submitted_in_their_order(grid: Grid, tool: Run, file: Path) -> None:
    """Each behind those that it follows, with its options."""
    code, out, err = tool(flow, str(file))

    assert (code, err) == (0, "")
    jobs = numbers(out)
    assert jobs.keys() == {"first", "middle", "other", "last"}
    waiting = grid.rows("SELECT job_id, after_id, kind FROM job_dependencies")
    assert {(one["job_id"], one["after_id"], one["kind"]) for one in waiting} == {
        (jobs["middle"], jobs["first"], "ok"),
        (jobs["middle"], jobs["other"], "any"),
        (jobs["last"], jobs["middle"], "ok"),
    }
    (row,) = grid.rows("SELECT job_name, labels, retries FROM job_queue WHERE job_id = %s", jobs["middle"])
    assert row == {"job_name": "m", "labels": "T=300", "retries": 2}


def test_a_flow_is_submitted_once_and_resumed_where_it_has_failed(grid: Grid, tool: Run, file: Path) -> None:
    """What has succeeded or still waits stays; what has failed or is deleted is submitted again."""
    jobs = numbers(tool(flow, str(file))[1])
    grid.set_job(jobs["first"], state="finished", exit_code=0)
    grid.set_job(jobs["other"], state="finished", exit_code=0)
    grid.set_job(jobs["middle"], state="aborted")
    grid.user().delete(jobs["last"])

    refused = tool(flow, str(file))
    code, out, _ = tool(flow, "--resume", str(file), "--json")
    nothing = tool(flow, "--resume", str(file))

    assert refused[0] == 1
    assert "--resume submits what has not succeeded" in refused[2]
    assert code == 0
    again = {job["name"]: job["job_id"] for job in json.loads(out)["jobs"]}
    assert again.keys() == {"middle", "last"}
    assert grid.rows("SELECT after_id FROM job_dependencies WHERE job_id = %s", again["last"]) == [
        {"after_id": again["middle"]}
    ]
    assert nothing[:2] == (0, "")


def test_an_interrupted_flow_makes_no_job_twice(grid: Grid, tool: Run, file: Path) -> None:
    """Also the one whose number was not stored any more."""
    jobs = numbers(tool(flow, str(file))[1])
    state = file.with_name("flow.toml.state")
    values = json.loads(state.read_text())
    del values["jobs"]["last"]
    state.write_text(json.dumps(values))

    again = numbers(tool(flow, "--resume", str(file))[1])

    assert again == {"last": jobs["last"]}
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 4


WRONG = {
    "no TOML": ("[jobs", "is no TOML"),
    "no jobs": ("x = 1", "has no tables"),
    "no command": ("[jobs.a]\nname = 'x'", "job a has no command"),
    "an unknown key": (
        "[jobs.a]\ncommand = 'x'\nfoo = 1",
        "job a has a key 'foo', known are: after, after_any, after_any_each, after_each, array, at_most, ",
    ),
    "retries below 0": (
        "[jobs.a]\ncommand = 'x'\nretries = -1",
        "retries is -1: give a number from 0 to 100",
    ),
    "a wrong type": ("[jobs.a]\ncommand = 'x'\ncpus = '2'", "cpus is no number"),
    "an unknown job": ("[jobs.a]\ncommand = 'x'\nafter = ['b']", "job a is to follow 'b'"),
    "a circle": (
        "[jobs.a]\ncommand = 'x'\nafter = ['b']\n[jobs.b]\ncommand = 'x'\nafter = ['a']",
        "in a circle",
    ),
    "a wrong value": ("[jobs.a]\ncommand = 'x'\nbackoff = 'soon'", "soon"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_file_with_a_mistake_submits_nothing(
    grid: Grid, tool: Run, file: Path, text: str, message: str
) -> None:
    """The message names the job and what is wrong."""
    file.write_text(text)

    code, _, err = tool(flow, str(file))

    assert code == 1
    assert message in err
    assert grid.rows("SELECT job_id FROM job_queue") == []
    assert not file.with_name("flow.toml.state").exists()
