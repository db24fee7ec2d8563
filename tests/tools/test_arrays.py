"""Arrays: LGI_run --array, --each-line and --each, and the commands that show and select their elements."""

import io
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_protocol import array_elements
from lgi_protocol.errors import ServerError, TransportError
from lgi_tools.cli import wait_bar
from lgi_tools.client.job_progress import Progress
from lgi_tools.client.job_request import JobRequest
from lgi_tools.client.project import Project
from lgi_tools.client.selection import Selection
from lgi_tools.commands.explain import main as explain
from lgi_tools.commands.get import main as get
from lgi_tools.commands.hold import main as hold
from lgi_tools.commands.hold import release_main as release
from lgi_tools.commands.qdel import main as qdel
from lgi_tools.commands.qstat import main as qstat
from lgi_tools.commands.qsub import main as qsub
from lgi_tools.commands.resubmit import main as resubmit
from lgi_tools.commands.run import main as run_command
from lgi_tools.commands.tail import main as tail
from lgi_tools.commands.wait import main as wait
from tests.support.canned_server import CannedServer, lgi
from tests.support.grid import Grid
from tests.tools.test_run_batch import many
from tests.tools.test_selection import listed, submitted, tool

Run = Callable[..., tuple[int, str, str]]
__all__ = ["many", "tool"]


def commands(grid: Grid) -> list[str]:
    """The last line of each job's script, by its index."""
    rows = grid.rows("SELECT input FROM job_queue ORDER BY array_index")
    return [bytes(row["input"]).decode().splitlines()[-1].removeprefix("exec ") for row in rows]  # type: ignore[arg-type]


def array(tool: Run, *words: str) -> int:
    """The number of a new array, which is printed as a selection of all its elements."""
    code, out, err = tool(run_command, *words)
    assert (code, err) == (0, "")
    assert out.endswith("[]\n")
    return int(out.removesuffix("[]\n"))


def test_an_array_has_an_element_for_each_number(grid: Grid, tool: Run) -> None:
    """The number of the array is printed; holes and steps as they are given."""
    made = array(tool, "--array", "1-5:2,9", "--at-most", "2", "--", "echo", "n{}", "{#}", "a{2}")

    assert commands(grid) == [f"echo n{n} {n} 'a{{2}}'" for n in (1, 3, 5, 9)]
    rows = grid.rows("SELECT array_id, array_index FROM job_queue ORDER BY array_index")
    assert [(row["array_id"], row["array_index"]) for row in rows] == [(made, n) for n in (1, 3, 5, 9)]
    (stored,) = grid.rows("SELECT array_id, size, at_most FROM job_arrays")
    assert tuple(stored.values()) == (made, 4, 2)


def test_an_element_knows_its_index(grid: Grid, tool: Run) -> None:
    """A command without {} has it in its environment, and a warning says so."""
    code, _, err = tool(run_command, "--array", "7", "env")

    (row,) = grid.rows("SELECT input FROM job_queue")
    assert code == 0
    assert bytes(row["input"]).decode().splitlines()[1:3] == [  # type: ignore[arg-type]
        "export LGI_ARRAY_INDEX=7",
        "export LGI_ARRAY_SIZE=1",
    ]
    assert "no word of the command has {}" in err


def test_an_array_has_an_element_for_each_line(
    grid: Grid, tool: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line is one word, whatever it has in it; empty ones are left out."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a b\r\n\n-x; $HOME\nc.in")))

    array(tool, "--each-line", "-", "--label", "v={.}", "--", "echo", "{}", "{.}")

    assert commands(grid) == ["echo 'a b' 'a b'", "echo '-x; $HOME' '-x; $HOME'", "echo c.in c"]
    labels = grid.rows("SELECT labels FROM job_queue ORDER BY array_index")
    assert labels[2]["labels"] == "v=c"


def test_an_array_has_an_element_for_each_file(grid: Grid, tool: Run, home: Path) -> None:
    """The file goes with its element; a name that begins with a dash is no option of the command."""
    names = ["a b.in", "new\nline.in", "-rf.in", "[x].in", "plain.in"]
    os.mkdir("data")
    for name in names:
        Path("data", name).write_text(name)
    Path("shared").write_text("shared")

    array(tool, "--each", "data/*.in", "-f", "shared", "--", "cat", "{}", "{.}.out")

    found = commands(grid)
    assert len(found) == 5
    assert "cat ./-rf.in ./-rf.out" in found
    assert "cat 'a b.in' 'a b.out'" in found
    for row in grid.rows("SELECT repository FROM job_queue"):
        directory = grid.config.repository / str(row["repository"])[-3:] / str(row["repository"])
        stored = {path.name for path in directory.iterdir() if not path.name.startswith(".LGI")}
        (own,) = stored - {"shared"}
        assert (directory / own).read_text() == own
        assert (directory / "shared").stat().st_nlink == 5


def test_several_lists_are_combined(grid: Grid, tool: Run) -> None:
    """In the order of the command line, the last one changes fastest."""
    Path("names").write_text("x\ny\n")

    array(tool, "--each-line", "names", "--array", "1-2", "--", "echo", "{1}-{2}", "{#}", "{3}")

    assert commands(grid) == [
        "echo x-1 1 '{3}'",
        "echo x-2 2 '{3}'",
        "echo y-1 3 '{3}'",
        "echo y-2 4 '{3}'",
    ]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--array", "5-1", "--", "true"), "the range 5-1 is empty"),
        (("--array", "1-5:0", "--", "true"), "is empty"),
        (("--array", "", "--", "true"), "is no range of an array"),
        (("--array", "1-3,2", "--", "true"), "has element 2 twice"),
        (("--array", "1-1000000", "--", "true"), "1000000 elements are too many"),
        (("--array", "1-999", "--array", "1-999", "--", "true"), "998001 elements are too many"),
        (("--array", "x", "--", "true"), "'x' is no range"),
        (("--each", "none*", "--", "true"), "no file has a name like 'none*'"),
        (("--each-line", "/dev/null", "--", "true"), "has no lines"),
        (("--array", "1", "--array", "1", "--", "echo", "{}"), "write {1} or {2}"),
        (
            (
                "--array",
                "1",
            ),
            "Missing argument",
        ),
        (("--array", "1", "--wait", "true"), "cannot be combined"),
        (("--array", "1", "--batch", "f"), "cannot be combined"),
        (("--at-most", "1", "true"), "--at-most is for"),
        (("--array", "1-2", "--", "./missing"), "element 1: missing does not exist"),
    ],
)
def test_an_array_that_is_wrong_is_refused(grid: Grid, tool: Run, words: tuple[str, ...], text: str) -> None:
    """The message says what is; nothing is submitted."""
    code, out, err = tool(run_command, *words)

    assert (code, out) == (1, "")
    assert text in " ".join(err.split())
    assert grid.rows("SELECT job_id FROM job_queue") == []


def test_a_submit_that_was_cut_is_continued(grid: Grid, tool: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cause comes first; the command that is printed submits the rest, and no element twice."""
    array(tool, "--array", "1-100", "--", "echo", "{}")
    grid.run("DELETE FROM users_allowed")
    grid.run("INSERT INTO groups_allowed VALUES ('theor', 'any', 400)")

    code, out, err = tool(run_command, "--array", "1-400", "--batch-id", "mine", "--", "echo", "{}")

    assert (code, out) == (1, "")
    assert "256 of 400 elements are submitted, as array " in err
    assert "because of element 301" in err
    assert err.index("because of element 301") < err.index("--batch-id mine")
    grid.run("UPDATE groups_allowed SET job_limit = 600")
    code, out, err = tool(run_command, "--array", "1-400", "--batch-id", "mine", "--", "echo", "{}")
    assert (code, err) == (0, "")
    (row,) = grid.rows(
        "SELECT COUNT(*) AS n, COUNT(DISTINCT array_index) AS m, MIN(array_id) AS a FROM job_queue"
        " WHERE array_id > (SELECT MIN(array_id) FROM job_arrays)"
    )
    assert (row["n"], row["m"], f"{row['a']}[]\n") == (400, 400, out)


def test_an_array_above_a_limit_is_refused_before_its_elements_are_made(grid: Grid, tool: Run) -> None:
    """In a moment, however many there are; a command that cannot go on is not advised."""
    grid.run("DELETE FROM users_allowed")
    grid.run("INSERT INTO groups_allowed VALUES ('theor', 'any', 100)")
    began = time.monotonic()

    code, out, err = tool(run_command, "--array", "1-100000", "--", "echo", "{}")

    assert (code, out) == (1, "")
    assert "theor may have 100 jobs of command, the array has 100000" in err
    assert "--batch-id" not in err
    assert time.monotonic() - began < 20


def test_the_number_of_an_array_alone_is_its_first_element(grid: Grid, tool: Run) -> None:
    """A warning says so; what LGI_run prints means all of it, in each command."""
    made = array(tool, "--array", "1-3", "--", "echo", "{}")
    for number, job_id in enumerate(listed(tool, f"{made}[]")):
        grid.set_job(job_id, state="finished", exit_code=number)
    text = f"{made} is the first element of an array of 3: {made}[] means the whole"

    one, every = tool(wait, str(made)), tool(wait, f"{made}[]")

    assert (one[0], one[1].count("exit code"), text in one[2]) == (0, 1, True)
    assert (every[0], every[1].count("exit code"), every[2]) == (1, 3, "")
    assert text in tool(get, str(made))[2]
    assert text in tool(tail, str(made))[2]
    assert text not in tool(wait, f"{made}[1]")[2] + tool(wait, str(made + 1))[2]


def test_a_number_that_an_array_has_too_is_named(grid: Grid, tool: Run) -> None:
    """By every command that takes it as that of the first element; the line says what means the whole."""
    made = array(tool, "--array", "1-3", "--hold", "--", "echo", "{}")
    text = f"{made} is the first element of an array of 3: {made}[] means the whole"
    submit = ("-a", "command", "--after")

    for command, words, more in (
        (hold, (), ()),
        (release, (), ()),
        (explain, (), ()),
        (run_command, ("--after",), ("--", "true")),
        (qsub, submit, ()),
        (qdel, ("--yes",), ()),
    ):
        first, other, whole = (
            tool(command, *words, one, *more) for one in (f"{made}", f"{made + 1}", f"{made}[]")
        )

        assert (first[0], first[2].count(text)) == (0, 1), command.__module__
        assert "means the whole" not in other[2] + whole[2]


def test_elements_are_selected_by_what_a_shell_makes_of_an_array(grid: Grid, tool: Run) -> None:
    """In all commands, options, and Python: 102[][2-3] is 102[2-3]."""
    made = array(tool, "--array", "1-4", "--", "echo", "{}")
    follower = tool(run_command, "--after", f"{made}[][2-3]", "--", "true")[1].strip()

    assert listed(tool, f"{made}[][2-3]") == [made + 1, made + 2]
    assert listed(tool, "--array", f"{made}[][4]") == [made + 3]
    rows = grid.rows("SELECT after_id FROM job_dependencies WHERE job_id = %s ORDER BY after_id", follower)
    assert [row["after_id"] for row in rows] == [made + 1, made + 2]
    with Project() as project:
        assert [job.id for job in project.jobs(array=f"{made}[][1]")] == [made]


def test_elements_follow_the_like_elements_of_another_array(grid: Grid, tool: Run) -> None:
    """As far as that has them; of another order of indexes too."""
    made = array(tool, "--array", "1-4", "--", "echo", "{}")
    after = array(
        tool, "--array", "4,2", "--after-each", f"{made}[]", "--keep-after-failure", "--", "echo", "{}"
    )
    other = array(tool, "--array", "3", "--after-any-each", str(made), "--", "echo", "{}")

    lacking = tool(run_command, "--array", "4-5", "--after-each", str(made), "--", "echo", "{}")
    missing = tool(run_command, "--array", "1", "--after-each", "999[]", "--", "echo", "{}")
    alone = tool(run_command, "--after-each", str(made), "--", "echo")

    rows = grid.rows(
        "SELECT one.job_id, array_index, after_id, kind, kept FROM job_dependencies AS one"
        " JOIN job_queue AS job ON job.job_id = one.job_id ORDER BY one.job_id, array_index"
    )
    follows = {(row["array_index"], row["after_id"], row["kind"], row["kept"]) for row in rows}
    assert follows == {(4, made + 3, "ok", 1), (2, made + 1, "ok", 1), (3, made + 2, "any", 0)}
    assert {after, other} <= {row["job_id"] for row in rows}
    assert "element 5 is to follow that of array" in lacking[2]
    assert "there is no array 999" in missing[2]
    assert "--after-each is for arrays" in alone[2]
    assert lacking[0] == missing[0] == alone[0] == 1
    assert len(grid.rows("SELECT job_id FROM job_queue WHERE application = 'command'")) == 7


def test_several_arrays_are_selected_at_once(grid: Grid, tool: Run) -> None:
    """And jobs beside them, each once; with other options what is in both."""
    first = array(tool, "--array", "1-2", "--name", "a", "--", "echo", "{}")
    second = array(tool, "--array", "1-2", "--name", "b", "--hold", "--", "echo", "{}")
    alone = int(tool(run_command, "--name", "a", "--", "true")[1])

    held = json.loads(tool(hold, f"{first}[]", f"{second}[2]", f"{second}[]", str(alone), "--json")[1])
    some = json.loads(tool(hold, f"{first}[]", f"{second}[]", "--name", "b", "--json")[1])
    refused = tool(qstat, f"{first}[]", f"{second}[]")

    assert sorted(one["job_id"] for one in held["jobs"]) == [first, first + 1, second, second + 1, alone]
    assert sorted(one["job_id"] for one in some["jobs"]) == [second, second + 1]
    assert (refused[0], "several arrays cannot be listed at once" in refused[2]) == (1, True)


def test_a_job_follows_a_whole_array(grid: Grid, tool: Run) -> None:
    """As it was printed; what it waits for is counted where that is long."""
    made = array(tool, "--array", "1-40", "--", "echo", "{}")
    follower = tool(run_command, "--after", f"{made}[]", "--", "reduce")[1].strip()
    some = tool(run_command, "--after-any", f"{made}[2-3],{made}", "--", "some")[1].strip()

    rows = grid.rows("SELECT after_id FROM job_dependencies WHERE job_id = %s ORDER BY after_id", follower)
    assert [row["after_id"] for row in rows] == list(range(made, made + 40))
    rows = grid.rows("SELECT after_id FROM job_dependencies WHERE job_id = %s ORDER BY after_id", some)
    assert [row["after_id"] for row in rows] == [made, made + 1, made + 2]
    explained = tool(explain, follower)[1]
    assert f"by jobs {made}-{made + 39}" in explained
    assert "waits for 35 more jobs, 40 in all" in explained


@pytest.mark.parametrize("after", ["7[1-3]", "7-9", "7[]"])
def test_an_older_server_gets_no_array_to_follow(run: Run, server: CannedServer, after: str) -> None:
    """It would refuse the text, or read over it; numbers it knows."""
    known = lgi("<most_jobs> 9 </most_jobs> <plans_after> 1 </plans_after>")
    server.will_answer_call("interfaces/interface_submit_jobs", known)

    code, _, err = run(run_command, "--after", after, "--", "true")

    assert code == 1
    assert "this server is too old for ranges, arrays" in " ".join(err.split())


def test_an_older_server_is_named(run: Run, server: CannedServer, many: Callable[..., None]) -> None:
    """Its jobs would be none of an array."""
    many()

    code, _, err = run(run_command, "--array", "1-3", "echo", "{}")

    assert code == 1
    assert "this server is too old to take arrays of jobs" in err


def test_elements_are_selected_by_all_commands(grid: Grid, tool: Run) -> None:
    """By an option or as a word; with the failed ones only they are submitted again."""
    made = array(tool, "--array", "1-5", "--name", "n", "--", "echo", "{}")
    assert "n[4]" in tool(qstat, "--long", "--array", str(made))[1]
    other = submitted(grid)
    ids = listed(tool, "--array", str(made))
    grid.set_job(ids[1], state="finished", exit_code=0)
    grid.set_job(ids[2], state="finished", exit_code=4)

    assert listed(tool, f"{made}[2-3,5]") == [ids[1], ids[2], ids[4]]
    assert listed(tool, f"{made}[]") == ids
    assert listed(tool, "--array", str(made), "--failed") == [ids[2]]
    code, out, _ = tool(resubmit, "--array", str(made), "--failed")
    assert (code, len(out.split())) == (0, 1)
    assert listed(tool, f"{made}[3]") == [int(out)]
    grid.set_job(int(out), state="finished", exit_code=4)
    assert tool(wait, f"{made}[2-3]")[0] == 4
    assert tool(qdel, "--yes", "--array", str(made))[0] == 0
    assert listed(tool, "--array", str(made)) == []
    assert other in listed(tool, "--mine")


@pytest.mark.parametrize("words", [("7[", "x"), ("--array", "x"), ("--array", "7", "8[1]"), ("7[3-1]",)])
def test_an_array_that_cannot_be_read_selects_nothing(tool: Run, words: tuple[str, ...]) -> None:
    """It is an error, not all jobs."""
    assert tool(qdel, "--yes", *words)[0] == 1


def test_a_list_has_one_line_for_each_array(grid: Grid, tool: Run) -> None:
    """With its progress, before the jobs that are in none; also as JSON."""
    made = array(tool, "--array", "1-4", "--name", "sweep", "--", "echo", "{}")
    ids = listed(tool, "--array", str(made))
    alone = submitted(grid)
    grid.set_job(ids[0], state="finished", exit_code=4)
    grid.set_job(ids[1], state="finished", exit_code=0)

    code, out, err = tool(qstat, "--arrays")
    as_json = tool(qstat, "--arrays", "--json")
    assert as_json[2] == ""
    values = json.loads(as_json[1])

    assert (code, err) == (0, "")
    heading, line = out.splitlines()[:2]
    assert heading.split() == ["array", "name", "application", "progress", "left", "owner"]
    assert line.split() == [str(made), "sweep", "command", "2/4,", "1", "failed", "mark@laptop"]
    assert "Number of jobs listed : 1" in out
    assert values["arrays"][0]["counts"] == {"failed": 1, "succeeded": 1, "queued": 2}
    assert [job["job_id"] for job in values["jobs"]] == [alone]
    assert tool(qstat, "--arrays", "--mine")[0] == 1


def test_totals_say_when_the_jobs_are_done(grid: Grid, tool: Run) -> None:
    """How many are in each state, how long one takes, and what is left."""
    made = array(tool, "--array", "1-4", "--", "echo", "{}")
    ids = listed(tool, "--array", str(made))
    before = tool(qstat, "--total", f"{made}[]")[1]
    grid.set_job(ids[0], state="finished", exit_code=0, started=1000, state_time_stamp=1600)
    (row,) = grid.rows("SELECT MAX(submitted) AS now FROM job_queue")
    grid.set_job(ids[1], state="running", started=row["now"])

    code, out, err = tool(qstat, "--total", "--array", str(made))

    assert before == "4 jobs: 4 queued; the time that is left is not known yet\n"
    assert (code, err) == (0, "")
    assert out.startswith("4 jobs: 2 queued, 1 running, 1 succeeded; a job takes 10m00s on average; about ")
    assert json.loads(tool(qstat, "--total", "--json")[1])["mean_run_seconds"] == 600


def test_python_submits_an_array(grid: Grid, tool: Run) -> None:
    """With indexes of the caller or from 1; the outcomes have the array's number."""
    with Project() as project:
        first = project.submit_array({7: JobRequest("command", input="x"), 3: JobRequest("command")})
        project.submit_array([JobRequest("command"), JobRequest("command")], at_most=1)
        arrays = list(project.arrays())
        jobs = list(project.jobs(array=f"{first[0].array_id}[3]"))
        progress = project.progress(array=first[0].array_id)
        with pytest.raises(ValueError, match="at least one element"):
            project.submit_array([])

    assert [(one.size, one.at_most) for one in arrays] == [(2, 1), (2, 0)]
    assert arrays[1].id == first[0].array_id == first[0].job_id
    assert [(job.id, job.array_index) for job in jobs] == [(first[1].job_id, 3)]
    assert progress == Progress({"queued": 2})


def test_python_goes_on_with_an_array(grid: Grid, tool: Run) -> None:
    """The same request id makes no element twice; another list of elements is refused."""
    with Project() as project:
        first = project.submit_array([JobRequest("command")] * 2, request_id="mine")
        again = project.submit_array([JobRequest("command")] * 2, request_id="mine")
        with pytest.raises(ServerError, match="and has 2 elements"):
            project.submit_array([JobRequest("command")] * 3, request_id="mine")

    assert [one.job_id for one in first] == [one.job_id for one in again]


def test_an_older_server_tells_no_progress(run: Run, server: CannedServer) -> None:
    """It has no arrays either."""
    with Project() as project:
        assert list(project.arrays()) == []
        with pytest.raises(TransportError, match="too old to tell the progress"):
            project.progress(Selection(state="queued"))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("3", [3]), ("0-6:3,1", [0, 3, 6, 1]), ("08,9", [8, 9]), (" 1 , 2-2 ", [1, 2])],
)
def test_numbers_are_read_as_they_stand(text: str, numbers: list[int]) -> None:
    """In their order, without leading zeros."""
    assert [value.index for value in array_elements.numbers(text)] == numbers


def test_ends_are_told_in_the_order_in_which_they_come(grid: Grid, tool: Run) -> None:
    """Not in that of the words; a removed job too. The exit code is that of the first word that failed."""
    jobs = [submitted(grid) for _ in range(4)]
    gone = submitted(grid)
    grid.user().delete(gone)
    grid.set_job(jobs[2], state="finished", exit_code=3, state_time_stamp=1000)

    def end_others() -> None:
        for job_id, code in ((jobs[3], 0), (jobs[1], 6), (jobs[0], 5)):
            (row,) = grid.rows("SELECT MAX(state_time_stamp) AS last FROM job_queue")
            grid.set_job(job_id, state="finished", exit_code=code, state_time_stamp=int(str(row["last"])) + 1)

    thread = threading.Timer(0.5, end_others)
    thread.start()
    code, out, err = tool(wait, *map(str, (*jobs, gone)))
    thread.join()

    lines = [int(line.split()[0]) for line in out.splitlines()]
    assert (code, err) == (5, "")
    assert lines[:2] == [gone, jobs[2]]
    assert sorted(lines[2:]) == sorted((jobs[0], jobs[1], jobs[3]))


def test_a_wait_for_many_jobs_ends_at_its_timeout(grid: Grid, tool: Run) -> None:
    """The jobs that have ended are told; the message names one of the others and counts the rest."""
    jobs = [submitted(grid) for _ in range(3)]
    grid.set_job(jobs[1], state="finished", exit_code=0)

    code, out, err = tool(wait, "--timeout", "1", *map(str, jobs))

    assert code == 124
    assert out == f"{jobs[1]} finished, exit code 0\n"
    assert f"job {jobs[0]} has not ended after 1 s, nor have 1 others" in err


def test_a_terminal_shows_how_many_have_ended(grid: Grid, tool: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is written again, with the time that is left; it is gone at the end."""
    made = array(tool, "--array", "1-4", "--", "echo", "{}")
    ids = listed(tool, "--array", str(made))
    grid.set_job(ids[0], state="finished", exit_code=0, started=1000, state_time_stamp=1600)
    (row,) = grid.rows("SELECT MAX(submitted) AS now FROM job_queue")
    grid.set_job(ids[1], state="running", started=row["now"])
    shown = io.StringIO()
    monkeypatch.setattr(wait_bar.sys, "stderr", shown)
    monkeypatch.setattr(shown, "isatty", lambda: True)

    with Project() as project:
        bar = wait_bar.WaitBar(project, ids)
        bar.show(1, 0)
        bar.clear()

    text = shown.getvalue()
    assert "[######                  ] 1/4, about " in text
    assert text.endswith("\r\033[K")
