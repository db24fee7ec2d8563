"""LGI_tail of a selection: the job that was started last, or all jobs with a prefix."""

import json
from collections.abc import Callable
from functools import partial

import pytest

from lgi_protocol.backoff import Backoff
from lgi_tools.client.timing import Timing
from lgi_tools.commands import tail, tail_many
from tests.support.canned_server import Answer, CannedServer, lgi
from tests.support.grid import Grid
from tests.tools.test_selection import submitted, tool
from tests.tools.test_tail import STATE, TAIL, piece

Run = Callable[..., tuple[int, str, str]]
__all__ = ["tool"]
SOON = Timing(first_output_seconds=0.3, last_output_seconds=0.3, poll=Backoff(0.01, 0.01))
main = partial(tail.main, timing=SOON)


def ended(grid: Grid, output: str, started: int, **fields: str) -> int:
    """A job of the user that has ended with this output."""
    job = submitted(grid, "finished", **fields)
    grid.set_job(job, output=output.encode(), started=started)
    return job


def test_the_job_of_a_selection_that_was_started_last_is_shown(grid: Grid, tool: Run) -> None:
    """Whatever the order of the numbers; a job that was not started comes before all others."""
    last = ended(grid, "last\n", 2000, job_name="sweep")
    first = ended(grid, "first\n", 1000, job_name="sweep")
    queued = submitted(grid, job_name="sweep")

    by_name = tool(main, "--name", "sweep")
    by_number = tool(main, str(last), f"{first}-{queued}")
    as_json = json.loads(tool(main, "--name", "sweep", "--json")[1])

    assert by_name[:2] == by_number[:2] == (0, "last\n")
    assert f"job {last} finished, exit code 4" in by_name[2]
    assert (as_json["job_id"], as_json["output"]) == (last, "last\n")


def test_the_output_of_each_job_has_its_number_and_name(grid: Grid, tool: Run) -> None:
    """On each line, also the last one, which has no end."""
    first = ended(grid, "a\nb\nc", 1000, job_name="sweep")
    second = ended(grid, "d\n", 2000)

    code, out, err = tool(main, "--each", "-n", "2", str(first), str(second))
    as_json = json.loads(tool(main, "--each", "--json", f"{first}-{second}")[1])

    assert (code, out) == (0, f"{first} sweep: b\n{first} sweep: c\n{second}: d\n")
    assert f"job {first} finished, exit code 4" in err
    assert [job["output"] for job in as_json["jobs"]] == ["a\nb\nc", "d\n"]


def job_in(state: str, number: int, output: str = "") -> str:
    """A job as it is."""
    told = f"<job_id> {number} </job_id> <state> {state} </state>"
    return f"<job> {told} <output> {output.encode().hex()} </output> </job>"


def test_the_output_of_several_jobs_is_followed_to_their_ends(run: Run, server: CannedServer) -> None:
    """Parts of a line wait for their rest; no part is printed twice."""
    running = [lgi(job_in("running", number)) for number in (7, 8)]
    server.will_answer_call(
        STATE, *running, lgi(job_in("finished", 7, "one\ntwo\n")), lgi(job_in("finished", 8, "eight"))
    )
    server.will_answer_call(
        TAIL,
        piece("on"),
        piece("", told=False),
        piece("e\ntw", 2),
        piece("eight"),
        piece("o\n", 6, "finished", complete=True),
        piece("", 5, "finished", complete=True),
    )

    code, out, err = run(main, "-f", "--each", "7", "8")

    assert (code, out) == (0, "7: one\n7: two\n8: eight\n")
    assert err.count("LGI_tail: job") == 2


def test_a_resource_that_sends_nothing_is_named(run: Run, server: CannedServer) -> None:
    """Without -f the command ends then."""
    server.will_answer_call(STATE, lgi(job_in("running", 7)))
    server.will_answer_call(TAIL, piece(told=False))

    code, out, err = run(main, "--each", "7")

    assert (code, out) == (0, "")
    assert "the resource of job 7 has sent no output yet" in err


def test_too_many_jobs_are_refused(grid: Grid, tool: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs the server calls as long as it is followed."""
    monkeypatch.setattr(tail_many, "MOST", 1)
    for _ in range(2):
        submitted(grid)

    code, out, err = tool(main, "--all", "--each")

    assert (code, out) == (1, "")
    assert "2 jobs are selected, the output of at most 1 can be printed" in err


def test_an_empty_selection_and_none_are_refused(run: Run, server: CannedServer) -> None:
    """As by the other commands."""
    server.will_answer_call(STATE, lgi("<job_name> x </job_name> <number_of_jobs> 0 </number_of_jobs>"))

    assert "no job is selected" in run(main, "--name", "x")[2]
    assert "no jobs are selected" in run(main, "-f")[2]


def test_a_server_that_is_down_is_waited_for_before_jobs_are_selected(run: Run, server: CannedServer) -> None:
    """With -f, as for a single job."""
    down = Answer(b"<html> down </html>", 502)
    listed = lgi(f"<job_name> x </job_name> {job_in('finished', 7, 'done')}")
    nothing = lgi("<job_name> x </job_name> <number_of_jobs> 0 </number_of_jobs>")
    server.will_answer_call(STATE, down, listed, nothing, lgi(job_in("finished", 7, "done")))

    code, out, err = run(main, "-f", "--all", "--name", "x")

    assert (code, out) == (0, "done")
    assert "no answer from" in err
