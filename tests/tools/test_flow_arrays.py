"""LGI_flow with arrays: jobs that follow these as a whole or element by element, and their resume."""

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
[jobs.run]
command = "sim {}"
array = "1-3"
at_most = 2
labels = { T = "{}" }

[jobs.check]
command = "check {}"
array = "2-3"
after_each = ["run"]
after_any_each = ["run"]

[jobs.sum]
command = "sum"
after = ["run"]
after_any = ["check"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of a flow."""
    path = tmp_path / "flow.toml"
    path.write_text(FLOW)
    return path


def elements(grid: Grid, word: str) -> dict[int, int]:
    """The newest job of each index whose command has this word."""
    rows = grid.rows("SELECT job_id, array_index, input FROM job_queue ORDER BY job_id")
    mine = [row for row in rows if f"exec {word} " in bytes(row["input"]).decode()]  # type: ignore[arg-type]
    return {int(str(row["array_index"])): int(str(row["job_id"])) for row in mine}


def followed(grid: Grid, job_id: int) -> set[tuple[int, str]]:
    """The jobs that one follows, with their kinds."""
    rows = grid.rows("SELECT after_id, kind FROM job_dependencies WHERE job_id = %s", job_id)
    return {(int(str(row["after_id"])), str(row["kind"])) for row in rows}


def test_an_array_of_a_flow_is_followed_as_a_whole_and_by_element(grid: Grid, tool: Run, file: Path) -> None:
    """Each element waits for that of the same index; what follows the array waits for all of it."""
    code, out, err = tool(flow, str(file))

    assert (code, err) == (0, "")
    runs, checks = elements(grid, "sim"), elements(grid, "check")
    total = int(out.splitlines()[-1].removeprefix("sum "))
    assert out.splitlines()[:2] == [f"run {runs[1]}[]", f"check {checks[2]}[]"]
    assert [followed(grid, checks[index]) for index in (2, 3)] == [
        {(runs[2], "ok")},
        {(runs[3], "ok")},
    ]
    expected = {(number, "ok") for number in runs.values()} | {(number, "any") for number in checks.values()}
    assert followed(grid, total) == expected
    assert grid.rows("SELECT size, at_most FROM job_arrays ORDER BY array_id") == [
        {"size": 3, "at_most": 2},
        {"size": 2, "at_most": 0},
    ]


def test_failed_and_missing_elements_of_a_flow_are_resumed(grid: Grid, tool: Run, file: Path) -> None:
    """With the command that the file has now, and what follows them; those that are well stay."""
    total = int(tool(flow, str(file))[1].split()[-1])
    before, checks = elements(grid, "sim"), elements(grid, "check")
    grid.set_job(before[1], state="finished", exit_code=0)
    grid.set_job(before[2], state="finished", exit_code=3)
    grid.set_job(checks[2], state="aborted")
    grid.user().delete(before[3])
    grid.set_job(total, state="aborted")
    file.write_text(FLOW.replace("sim {}", "simulate {}"))

    code, out, err = tool(flow, "--resume", str(file), "--json")
    again = tool(flow, "--resume", str(file))

    assert (code, err) == (0, "")
    documents = {one["name"]: one for one in json.loads(out)["jobs"]}
    new, newer = elements(grid, "simulate"), elements(grid, "check")
    assert list(new) == [2, 3]
    assert documents["run"] == {"name": "run", "array_id": new[2], "job_ids": [new[2], new[3]]}
    assert followed(grid, newer[2]) == {(new[2], "ok")}
    waiting = followed(grid, documents["sum"]["job_id"])
    assert {number for number, kind in waiting if kind == "ok"} == set(new.values())
    assert again[:2] == (0, "")


def test_an_array_whose_answer_was_lost_makes_no_element_twice(grid: Grid, tool: Run, file: Path) -> None:
    """The state does not have its number; the same submit is answered with the same array."""
    out = tool(flow, str(file))[1]
    state = file.with_name("flow.toml.state")
    values = json.loads(state.read_text())
    del values["arrays"]["run"]
    state.write_text(json.dumps(values))

    again = tool(flow, "--resume", str(file))[1]

    assert again == out.splitlines(keepends=True)[0]
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 6


def test_an_array_of_a_flow_that_is_refused_is_resumed(grid: Grid, tool: Run, file: Path) -> None:
    """The message names the job, and how much of it is submitted."""
    grid.run("DELETE FROM users_allowed")
    grid.run("INSERT INTO groups_allowed VALUES ('theor', 'any', 2)")

    code, out, err = tool(flow, str(file))
    grid.run("UPDATE groups_allowed SET job_limit = 99")
    resumed = tool(flow, "--resume", str(file))

    assert (code, out) == (1, "")
    assert "job run: " in err
    assert "0 of 3 elements are submitted, --resume submits the others" in " ".join(err.split())
    assert (resumed[0], len(resumed[1].splitlines())) == (0, 3)


ARRAY = "[jobs.a]\ncommand = 'x {}'\narray = '1-3'\n"
WRONG = {
    "at_most of a job": ("[jobs.a]\ncommand = 'x'\nat_most = 2", "job a is no array: at_most"),
    "at_most below 0": (f"{ARRAY}at_most = -1", "job a: at_most is no number of elements: -1"),
    "no range": (ARRAY.replace("1-3", "3-1"), "job a: the range 3-1 is empty"),
    "a number": (ARRAY.replace("'1-3'", "7"), "job a: array is no text or list of texts: 7"),
    "no file": ("[jobs.a]\ncommand = 'x {}'\neach = '*.none'", "job a: no file has a name like '*.none'"),
    "elements of a job": (
        f"{ARRAY}after_each = ['b']\n[jobs.b]\ncommand = 'x'",
        "job a is to follow each element of b, which is no array",
    ),
    "a missing element": (
        f"{ARRAY}after_each = ['b']\n[jobs.b]\ncommand = 'x {{}}'\narray = '1-2'",
        "element 3 of job a is to follow that of b, which has none",
    ),
    "values that are not clear": (
        ARRAY.replace("'1-3'", "['1-2', '1-2']"),
        "job a: {} is not clear with 2 lists of values",
    ),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_an_array_with_a_mistake_submits_nothing(run: Run, tmp_path: Path, text: str, message: str) -> None:
    """The message names the job and what is wrong, before any server is asked."""
    file = tmp_path / "flow.toml"
    file.write_text(text)

    code, _, err = run(flow, str(file))

    assert code == 1
    assert message in " ".join(err.split())
