"""One selection of jobs for all commands: numbers, ranges, filters, and numbers from a pipe."""

import io
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from lgi_tools.certificates import user_directory
from lgi_tools.cli import completion, selection_options, terminal
from lgi_tools.client.project import Project
from lgi_tools.client.selection import MOST_RANGES, Selection, read_numbers
from lgi_tools.commands.clean import main as clean
from lgi_tools.commands.explain import main as explain
from lgi_tools.commands.qdel import main as qdel
from lgi_tools.commands.qstat import main as qstat
from lgi_tools.commands.qsub import main as qsub
from lgi_tools.commands.resubmit import main as resubmit
from lgi_tools.commands.run import main as run_command
from lgi_tools.commands.tail import main as tail
from lgi_tools.commands.wait import main as wait
from tests.support.canned_server import CannedServer, lgi
from tests.support.grid import PROJECT, Grid

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tool(grid: Grid, run: Run, home: Path) -> Run:
    """Runs a tool for a user of the project, which has a resource that offers `command`."""
    grid.resource("res1@cluster", "<command> </command>")
    shutil.rmtree(home / ".LGI")
    user_directory.write(
        home / ".LGI",
        grid.people.user("mark@laptop", ("theor", "cyttron")),
        grid.people.authority.ca_file,
        user="mark@laptop",
        groups=("theor",),
        server=grid.url,
        project=PROJECT,
    )
    return run


def submitted(grid: Grid, state: str = "queued", **fields: str) -> int:
    """A job of the user in a state."""
    job_id = grid.user().submit(application="command", **fields)
    if state != "queued":
        columns = {"exit_code": 4} if state == "finished" else {}
        grid.set_job(job_id, state=state, **columns)
    return job_id


def test_a_job_of_another_user_is_not_taken_for_ones_own(grid: Grid, tool: Run) -> None:
    """Who may read it could run a stranger's program otherwise, or take a stranger's results for his own."""
    own = submitted(grid, "finished", job_name="sweep", labels="run=1")
    eve = grid.user("eve@desk", ("evil",))
    planted = eve.submit(
        application="command", job_name="sweep", labels="run=1", read_access="mark@laptop", write_access="any"
    )
    grid.set_job(planted, state="finished", exit_code=1)

    again = json.loads(tool(resubmit, "--name", "sweep", "--json")[1])
    nothing = tool(resubmit, "--label", "run=1", f"{planted}-{planted}")
    tool(qdel, "--name", "sweep", "--yes", "--state", "finished")
    waited = tool(wait, "--all", "--name", "sweep", f"{planted}-{planted}")

    assert [one["resubmitted_from"] for one in again["jobs"]] == [own]
    assert nothing[0] == 1
    assert "no job of yours is selected; --all also selects those of others" in nothing[2]
    assert [row["job_id"] for row in grid.rows("SELECT job_id FROM job_queue WHERE state = 'finished'")] == [
        planted
    ]
    assert f"{planted} finished" in waited[1]


def listed(tool: Run, *words: str) -> list[int]:
    """The numbers that LGI_qstat lists."""
    code, out, err = tool(qstat, "--json", *words)
    assert code == 0, err
    return [job["job_id"] for job in json.loads(out)["jobs"]]


@pytest.mark.parametrize(
    ("word", "meant"),
    [("finnished", "finished"), ("!RUNNING", "running"), ("pending", "queued"), ("failed", "--failed")],
)
def test_a_state_that_is_misspelt_is_refused(run: Run, server: CannedServer, word: str, meant: str) -> None:
    """By all commands, before any call: the list would be empty. The message says what may be meant."""
    for command in (qstat, wait):
        code, out, err = run(command, "-s", word)

        assert (code, out, server.requests) == (1, "", [])
        assert f"{word.removeprefix('!')!r} is no state of a job: did you mean {meant}?" in err


def test_a_state_of_a_site_of_its_own_is_warned_of_and_asked_for(run: Run, server: CannedServer) -> None:
    """Old daemons may have some; the message has the usual ones."""
    server.will_answer_call("interfaces/interface_job_state", lgi("<number_of_jobs> 0 </number_of_jobs>"))

    code, _, err = run(qstat, "-s", "simmering")

    assert code == 0
    assert err.startswith("LGI_qstat: warning: 'simmering' is no state that is known here; these are queued,")
    assert server.requests[0].fields["state"] == "simmering"


def test_a_held_job_is_selected_as_it_is_listed(grid: Grid, tool: Run) -> None:
    """By their state, in commands and in Python; an older server says that it cannot."""
    submitted(grid)
    held = submitted(grid, hold="1")

    assert listed(tool, "-s", "held") == listed(tool, "-s", "held", f"1-{held}") == [held]
    assert "Number of jobs found  : 1" in tool(qstat, "-s", "held", "-cnt")[1]
    assert "!held cannot be selected" in tool(qstat, "-s", "!held")[2]
    with Project() as project:
        assert [job.id for job in project.jobs(state="held")] == [held]


def test_a_job_is_submitted_with_name_and_labels(tool: Run) -> None:
    """By LGI_run, its batch, and LGI_qsub; a line of a batch may have a name of its own."""
    Path("lines").write_text("--label T=300 echo 1\n--name other echo 2\n")

    _, one, _ = tool(run_command, "--name", "sweep", "--label", "T=100", "--label", "kind=md", "echo")
    tool(run_command, "--name", "sweep", "--label", "kind=md", "--batch", "lines")
    code, out, _ = tool(qsub, "--name", "sweep", "--json", "-a", "command")

    assert code == 0
    assert json.loads(out)["job"]["job_name"] == "sweep"
    found = json.loads(tool(qstat, "--json")[1])["jobs"]
    assert found[0]["job_id"] == int(one)
    assert [(job["job_name"], job.get("labels")) for job in found] == [
        ("sweep", {"T": "100", "kind": "md"}),
        ("sweep", {"T": "300", "kind": "md"}),
        ("other", {"kind": "md"}),
        ("sweep", None),
    ]


@pytest.mark.parametrize("words", [("--label", "T"), ("--name", "a\tb")])
def test_a_wrong_label_is_refused_before_a_job_is_sent(grid: Grid, tool: Run, words: tuple[str, str]) -> None:
    """With what is wrong; nothing is stored."""
    commands = [(run_command, "echo"), (qsub, "-a", "command")]

    results = [tool(main, *words, *more) for main, *more in commands]

    assert [code for code, _, _ in results] == [1, 1]
    assert all("label" in err or "control characters" in err for _, _, err in results)
    assert grid.rows("SELECT job_id FROM job_queue") == []


def test_jobs_are_listed_by_each_filter(grid: Grid, tool: Run) -> None:
    """Alone and together; a range of numbers, and numbers from a pipe."""
    first = submitted(grid, "finished", job_name="sweep", labels="T=100")
    second = submitted(grid, job_name="sweep", labels="T=300")
    third = submitted(grid, read_access="any", labels="T=300")
    grid.set_job(first, state_time_stamp=1000)

    assert listed(tool, "--name", "sweep") == [first, second]
    assert listed(tool, "--label", "T=300", "--state", "queued") == [second, third]
    assert listed(tool, "--failed", "--name", "sweep") == [first]
    assert listed(tool, "--since", "1h") == listed(tool, "--since", "2001-01-01") == [second, third]
    assert listed(tool, "--mine", "--resource", "any", f"{second}-{third}") == [second, third]
    assert listed(tool, "--group", "theor") == [first, second, third]
    assert listed(tool, "--group", "nobody") == []


def test_numbers_are_listed_when_all_options_hold(grid: Grid, tool: Run) -> None:
    """A number alone is shown; with options that select jobs, or how many, it is one of a selection."""
    failed = submitted(grid, "finished")
    queued = submitted(grid)
    both = (str(failed), str(queued))

    assert listed(tool, "--failed", *both) == [failed]
    assert listed(tool, "--failed", str(queued)) == []
    assert listed(tool, "-s", "queued", *both) == listed(tool, "-n", "1", *both) == [queued]
    assert (
        listed(tool, "-a", "command", str(failed)) == listed(tool, "--failed", "-s", "finished") == [failed]
    )
    assert "Number of jobs found" in tool(qstat, "-cnt", *both)[1]
    assert json.loads(tool(qstat, "-cnt", "--json", *both)[1])["number_of_jobs"] == 2
    assert json.loads(tool(qstat, "--json", *both)[1])["job"]["job_id"] == queued


def test_numbers_come_from_a_pipe(grid: Grid, tool: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """``-`` stands for them; an empty pipe selects nothing, above all not everything."""
    first, _, third = (submitted(grid) for _ in range(3))
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{third}\n{first}\n"))
    found = listed(tool, "-")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))

    code, _, err = tool(qdel, "--yes", "-")

    assert sorted(found) == [first, third]
    assert (code, "there are no job ids on standard input" in err) == (1, True)
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 3


def test_a_long_list_shows_how_jobs_ended(grid: Grid, tool: Run) -> None:
    """Number, name, state with exit code, application, resource, times, owner, labels; and a sum."""
    job_id = submitted(grid, "finished", job_name="sweep", labels="T=300")
    grid.set_job(job_id, submitted=1000, started=1060, state_time_stamp=1000 + 2 * 3600)
    submitted(grid)

    _, out, _ = tool(qstat, "--long")

    header, failed, _, total = out.splitlines()
    columns = "job name state application resource waited ran used owner labels"
    assert " ".join(header.split()) == columns
    assert " ".join(failed.split()) == (
        f"{job_id} sweep finished, exit code 4 command any 1m00s 1h59m mark@laptop T=300"
    )
    assert total == "2 jobs: 1 failed, 1 queued"


def test_a_selection_is_deleted_after_a_question(
    grid: Grid, tool: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says how many jobs in which state; no leaves all; the others are not touched."""
    asked: list[str] = []
    answers = iter([False, True])

    def confirm(text: str, **_more: object) -> bool:
        asked.append(text)
        if not next(answers):
            raise click.Abort
        return True

    monkeypatch.setattr(terminal, "is_attended", lambda: True)
    monkeypatch.setattr(click, "confirm", confirm)
    submitted(grid, job_name="sweep"), submitted(grid, "finished", job_name="sweep")
    other = submitted(grid)

    refused, _, _ = tool(qdel, "--name", "sweep")
    kept = len(grid.rows("SELECT job_id FROM job_queue"))
    done, _, _ = tool(qdel, "--name", "sweep")

    question = "Delete or abort 1 finished and 1 queued jobs; the results of those that have ended are lost?"
    assert (refused, done, kept, asked) == (130, 0, 3, [question] * 2)
    assert [row["job_id"] for row in grid.rows("SELECT job_id FROM job_queue")] == [other]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "Usage:"),
        (("--yes",), "no jobs are selected"),
        (("--name", "sweep"), "give --yes"),
        (("--all",), "give --yes"),
        (("--all", "--mine", "--yes"), "--all cannot be combined with --mine"),
        (("--mine", "--group", "theor", "--yes"), "--mine cannot be combined"),
        (("--label", "T", "--yes"), "is not written as KEY=VALUE"),
        (("9-3", "--yes"), "the range 9-3 is empty"),
        (("--since", "later", "--yes"), "neither a date nor a time span"),
        (("--name", "none", "--yes"), "no job is selected"),
    ],
)
def test_a_selection_is_no_accident(grid: Grid, tool: Run, words: tuple[str, ...], why: str) -> None:
    """Without a terminal a selection needs --yes, and all jobs need --all."""
    submitted(grid, job_name="sweep")

    code, _, err = tool(qdel, *words)

    assert code == 1
    assert why in err
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 1


def test_all_commands_take_a_selection(grid: Grid, tool: Run) -> None:
    """Wait, explain, clean and delete; each prints JSON too."""
    failed = submitted(grid, "finished", job_name="sweep", labels="T=300")
    queued = submitted(grid, job_name="sweep")

    code, ends, _ = tool(wait, "--json", "--name", "sweep", "--state", "finished")
    _, reasons, _ = tool(explain, "--json", f"{failed}-{queued}")
    _, plan, _ = tool(clean, "--json", "--dry-run", "--with-failed", "--label", "T=300")
    _, cleaned, _ = tool(clean, "--json", "--yes", "--name", "sweep", "--failed")
    _, removed, _ = tool(qdel, "--json", "--yes", "--name", "sweep")

    end = json.loads(ends)
    assert (code, end["job_id"], end["exit_code"], end["labels"]) == (4, failed, 4, {"T": "300"})
    assert [one["job_id"] for one in json.loads(reasons)["jobs"]] == [failed, queued]
    assert json.loads(reasons)["jobs"][0]["message"] == f"job {failed} finished, exit code 4"
    assert [job["job_id"] for job in json.loads(plan)["jobs"]] == [failed]
    assert json.loads(cleaned)["removed"] == 1
    assert [job["job_id"] for job in json.loads(removed)["jobs"]] == [queued]


def test_the_output_of_a_job_and_a_new_job_are_json_too(grid: Grid, tool: Run) -> None:
    """With the same keys as in lists."""
    _, new, _ = tool(run_command, "--json", "--name", "one", "echo")
    job_id = json.loads(new)["job_id"]
    grid.set_job(job_id, state="finished", exit_code=0, output=b"1\n2\n3\n")

    _, told, _ = tool(tail, "--json", "-n", "2", str(job_id))

    assert (json.loads(told)["output"], json.loads(told)["job_name"]) == ("2\n3\n", "one")


def test_python_selects_as_the_commands_do(grid: Grid, tool: Run) -> None:
    """And knows name, labels and times of each job."""
    assert tool(qstat)[0] == 0
    with Project() as project:
        job = project.submit("command", name="sweep", labels={"T": "300"})
        project.submit("command")

        (found,) = project.jobs(name="sweep", labels={"T": "300"}, numbers=[f"1-{job.id}"])

        assert (found.id, found.name, found.labels) == (job.id, "sweep", {"T": "300"})
        assert found.submitted_at is not None
        assert (found.started_at, found.ended_at) == (None, None)
        with pytest.raises(ValueError, match="KEY=VALUE"):
            project.submit("command", labels={"T": ""})


def test_a_server_that_knows_no_names_deletes_nothing(run: Run, server: CannedServer) -> None:
    """It reads over the filter and lists all jobs: the command says so."""
    job = "<job> <job_id> 3 </job_id> <state> queued </state> </job>"
    server.will_answer_call("interfaces/interface_job_state", lgi(job), lgi(""))

    code, out, err = run(qdel, "--yes", "--name", "sweep")

    assert code == 1
    assert "too old to select jobs by job_name" in out + err
    assert not any(one.path.endswith("delete_job.php") for one in server.requests)


def test_a_selection_of_many_numbers_is_asked_for_in_parts() -> None:
    """Ranges are joined first."""
    assert read_numbers(["7", "3,4", "5-9", "12-40"]) == ((3, 9), (12, 40))

    parts = list(Selection(numbers=read_numbers(map(str, range(1, 2 * MOST_RANGES + 3, 2)))).parts())

    assert [len(part.numbers) for part in parts] == [MOST_RANGES, 1]


def test_a_time_is_a_date_or_a_span() -> None:
    """In local time, or before now."""
    assert selection_options.since("2001-09-09T01:46:40") == 10**9
    assert abs(selection_options.since("2h") - (time.time() - 7200)) < 60


def test_a_shell_completes_what_the_jobs_of_the_user_have(grid: Grid, tool: Run) -> None:
    """Numbers, names, applications; nothing without a server."""
    job_id = submitted(grid, job_name="sweep")
    assert tool(qstat)[0] == 0
    context = click.Context(click.Command("LGI_qstat"))
    nameless = click.Option(["--x"])

    offered = [
        complete(context, nameless, "")
        for complete in (
            completion.complete_ids,
            completion.complete_names,
            completion.complete_applications,
        )
    ]
    context.params["server"] = "https://127.0.0.1:1/LGI"

    assert offered == [[str(job_id)], ["sweep"], ["command"]]
    assert completion.complete_names(context, nameless, "") == []
    assert "!queued" in completion.complete_states(context, nameless, "!")
