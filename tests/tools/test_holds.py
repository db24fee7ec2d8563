"""LGI_hold and LGI_release, --hold, and what the other commands show of held jobs."""

import json
from collections.abc import Callable

import pytest

from lgi_tools.client import numbered_calls
from lgi_tools.client.project import Project
from lgi_tools.commands.explain import main as explain
from lgi_tools.commands.history import main as history
from lgi_tools.commands.hold import main as hold
from lgi_tools.commands.hold import release_main as release
from lgi_tools.commands.qstat import main as qstat
from lgi_tools.commands.qsub import main as qsub
from lgi_tools.commands.wait import main as wait
from tests.support.canned_server import Answer, CannedServer
from tests.support.grid import Grid
from tests.tools.test_selection import submitted, tool

Run = Callable[..., tuple[int, str, str]]
__all__ = ["tool"]


def test_a_selection_is_held_and_released(grid: Grid, tool: Run) -> None:
    """Of the jobs with a name those that are queued, and then those that are held."""
    queued = [submitted(grid, job_name="sweep") for _ in range(2)]
    submitted(grid, "finished", job_name="sweep")
    submitted(grid)

    assert tool(hold, "--name", "sweep", "--why", "wrong input") == (0, "", "")
    code, out, _ = tool(release, "--name", "sweep", "--json")

    assert code == 0
    assert json.loads(out)["jobs"] == [{"job_id": one, "state": "queued", "holds": []} for one in queued]


def test_each_command_that_shows_jobs_shows_a_held_one(grid: Grid, tool: Run) -> None:
    """As held in lists, with who holds it, why, and how to release it."""
    job_id = submitted(grid, job_name="sweep")
    tool(hold, str(job_id), "--why", "wrong input")

    table, details, long, as_json, why = (
        tool(*words)[1]
        for words in (
            (qstat,),
            (qstat, str(job_id)),
            (qstat, "--long"),
            (qstat, "--json"),
            (explain, str(job_id)),
        )
    )

    assert "|         held |" in table
    assert "Job state             : queued" in details
    assert "Job held              : by user mark@laptop: wrong input, since" in details
    assert "held by user mark@laptop" in long
    assert "1 jobs: 1 held" in long
    (shown,) = json.loads(as_json)["jobs"]
    assert (shown["state"], shown["holds"][0]["text"]) == ("queued", "wrong input")
    assert "is held: no resource gets it" in why
    assert f"by user mark@laptop: wrong input; LGI_release {job_id} releases it" in why


def test_a_running_job_is_not_held_and_the_message_says_why(grid: Grid, tool: Run) -> None:
    """The others of the call are."""
    running, queued = submitted(grid, "running"), submitted(grid)

    code, _, err = tool(hold, str(running), str(queued))

    assert code == 1
    assert f"job {running}: Only a job that is queued can be held: job {running} is running" in err
    with Project() as project:
        assert project.job(queued).shown_state == "held"


def test_a_job_is_submitted_held(grid: Grid, tool: Run) -> None:
    """By the command and by Python, one by one and many at once."""
    submitted(grid)

    code, out, _ = tool(qsub, "-a", "command", "--hold", "--json")

    assert code == 0
    assert json.loads(out)["job"]["holds"][0]["held_by"] == "user mark@laptop"


def test_many_jobs_are_held_in_parts(grid: Grid, tool: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call has no more than a server takes; the outcomes are in the order asked for."""
    jobs = [submitted(grid) for _ in range(3)]
    monkeypatch.setattr(numbered_calls, "MOST", 2)

    with Project() as project:
        outcomes = project.hold([*reversed(jobs), 999])
        released = project.release(jobs, now=True)

    assert [one.job_id for one in outcomes] == [*reversed(jobs), 999]
    assert [len(one.holds) for one in outcomes] == [1, 1, 1, 0]
    assert outcomes[3].error
    assert outcomes[3].error.number == 15
    assert [one.holds for one in released] == [(), (), ()]


def test_an_older_server_is_named(run: Run, server: CannedServer) -> None:
    """It would read over --hold and start the job: nothing is submitted; and it has no call that holds."""
    for call in ("interface_hold_jobs", "interface_submit_jobs"):
        server.will_answer_call(f"interfaces/{call}", Answer(b"<html> not here </html>", 404))

    held = run(hold, "7")
    submitted_held = run(qsub, "-a", "hello_world", "--hold")

    assert held[0] == submitted_held[0] == 1
    assert "this server is too old to hold jobs" in held[2]
    assert "this server is too old for --hold" in submitted_held[1] + submitted_held[2]
    assert not any(request.path.endswith("interface_submit_job.php") for request in server.requests)


def test_a_job_follows_others(grid: Grid, tool: Run) -> None:
    """By the options of a command and the arguments of Python; an explanation names what it waits for."""
    first, second = submitted(grid), submitted(grid)

    code, out, _ = tool(qsub, "-a", "command", "--after", f"{first}", "--after-any", f"{second}", "--json")
    with Project() as project:
        last = project.submit("command", after=[first, second], keep_after_failure=True)

    assert code == 0
    shown = json.loads(out)["job"]
    assert [one["reason"] for one in shown["holds"]] == ["after"]
    why = tool(explain, str(shown["job_id"]))[1]
    assert f"by jobs {first}, {second}: until they have succeeded; LGI_release --now {shown['job_id']}" in why
    assert f"  waits for job {first}: queued\n" in why
    assert grid.rows("SELECT after_id, kind, kept FROM job_dependencies WHERE job_id = %s", last.id) == [
        {"after_id": first, "kind": "ok", "kept": 1},
        {"after_id": second, "kind": "ok", "kept": 1},
    ]


def test_a_release_says_of_what_else_holds_a_job(grid: Grid, tool: Run) -> None:
    """It has failed if it has released nothing; a job that is not held is no failure."""
    first = submitted(grid)
    waiting = grid.user().submit(application="command", after=str(first))
    both = grid.user().submit(application="command", after=str(first), hold="1")

    useless, useful, free = (tool(release, str(job)) for job in (waiting, both, first))
    forced = tool(release, "--now", str(waiting))

    why = f"is still held: job {first}: until it has succeeded"
    assert useless == (1, "", f"LGI_release: job {waiting} {why}; LGI_release --now {waiting} ends that\n")
    assert useful == (0, "", f"LGI_release: job {both} {why}; LGI_release --now {both} ends that\n")
    assert free == (0, "", f"LGI_release: job {first} is not held\n")
    assert forced == (0, "", "")


@pytest.mark.parametrize("number", [1, 2])
def test_a_wait_for_a_job_that_follows_a_held_one_says_so(grid: Grid, tool: Run, number: int) -> None:
    """Also if others are between them."""
    submitted(grid)
    held = grid.user().submit(application="command", hold="1")
    between = grid.user().submit(application="command", after=str(held))
    last = [grid.user().submit(application="command", after_any=str(between)) for _ in range(number)]

    code, _, err = tool(wait, "--timeout", "1", *map(str, last))

    one = f"job {last[0]} waits" if number == 1 else "others wait"
    told = f"job {held}, for which {one}, is held by user mark@laptop; LGI_release {held} releases it\n"
    assert code == 124
    assert err.count(told) == err.count("is held") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("--after", "x"),
        ("--keep-after-failure",),
        ("--after-any", "1;2"),
        ("--retry-on", "exit 3"),
        ("--retries", "101"),
    ],
)
def test_options_that_make_no_plan_are_refused(grid: Grid, tool: Run, words: tuple[str, ...]) -> None:
    """Before anything is submitted."""
    submitted(grid)

    code, _, err = tool(qsub, "-a", "command", *words)

    assert code == 1
    assert "--after" in err or "retries" in err
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 1


def test_a_job_is_submitted_with_retries_and_its_tries_are_shown(grid: Grid, tool: Run) -> None:
    """In lists, in an explanation and in its history, with the end of the output of each try."""
    submitted(grid)
    code, out, _ = tool(
        *(qsub, "-a", "command", "-t", "res1@cluster", "--json"),
        *("--retries", "2", "--retry-on", "exit 3", "--backoff", "5m"),
    )
    job_id = json.loads(out)["job"]["job_id"]
    resource = grid.resource("res1@cluster", "<command> </command>")
    resource.lock(str(job_id))
    resource.update(str(job_id), state="running")
    resource.update(str(job_id), state="finished", output=b"so\nfar\x1b\n", exit_code=3)
    resource.unlock(str(job_id))

    long, why, told, as_json = (
        tool(*words)[1]
        for words in (
            (qstat, "--long", str(job_id)),
            (explain, str(job_id)),
            (history, str(job_id)),
            (history, str(job_id), "--json"),
        )
    )

    assert code == 0
    assert "held by retry, try 2 of 3" in long
    assert "for try 2 of 3, but is held" in why
    assert f"LGI_release --now {job_id} releases it" in why
    assert "The end of the output of try 1, finished, exit code 3:\n  so\n  far" in told
    assert "\x1b" not in told
    assert json.loads(as_json)["tries"][0]["output"] == "so\nfar\x1b\n"
    shown = json.loads(tool(qstat, str(job_id), "--json")[1])["job"]
    assert (shown["tried"], [one["exit_code"] for one in shown["tries"]]) == (1, [3])
    with Project() as project:
        assert project.job(job_id).shown_try == "try 2 of 3"
