"""LGI_top: what it shows, in a pipe and on a real terminal, and what its keys do."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from lgi_tools.cli import screen
from lgi_tools.client.timing import Timing
from lgi_tools.commands.top import main as top
from tests.support.canned_server import Answer, CannedServer, lgi_error
from tests.support.grid import BIN, Grid
from tests.tools.test_selection import submitted, tool

Run = Callable[..., tuple[int, str, str]]
__all__ = ["tool"]
HOSTILE = "x\x1b]0;owned\x07\x1b[2Jy\u202e"
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """LGI_top at a pseudo terminal."""

    def __init__(self, *words: str, columns: int = 120, lines: int = 24, **variables: str) -> None:
        """Start it with these words."""
        self._ours, theirs = pty.openpty()
        self.resize(columns, lines)
        self.before = termios.tcgetattr(theirs)
        self.started = subprocess.Popen(
            [BIN / "LGI_top", "--interval", "0.5", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=os.environ | {"TERM": "xterm"} | variables,
            start_new_session=True,
        )
        self._theirs = theirs
        self.output = ""

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def wait_for(self, text: str, seconds: float = 60.0) -> str:
        """Return the last whole screen on which a text is, without the codes of the terminal."""
        end = time.monotonic() + seconds
        while True:
            self._read()
            drawn = self.output.split("\x1b[H")
            for one in reversed(drawn):
                if text in (shown := _CODES.sub("", one)):
                    return shown
            assert time.monotonic() < end, f"no {text!r} in {drawn[-1]!r}"
            assert self.started.poll() is None, f"ended: {self.output[-2000:]!r}"

    def press(self, keys: str) -> None:
        """Type keys; what was drawn before is forgotten."""
        self._read()
        self.output = ""
        os.write(self._ours, keys.encode())

    def end(self) -> int:
        """Return the exit code; the terminal is then as it was."""
        end = time.monotonic() + 60
        while self.started.poll() is None and time.monotonic() < end:
            self._read()
        self._read()
        assert termios.tcgetattr(self._theirs) == self.before
        return self.started.wait(60)

    def _read(self) -> None:
        while select.select([self._ours], [], [], 0.05)[0]:
            self.output += os.read(self._ours, 65536).decode("utf-8", "replace")

    def close(self) -> None:
        """End it."""
        with suppress(ProcessLookupError):
            self.started.kill()
        self.started.wait()
        os.close(self._ours)
        os.close(self._theirs)


@pytest.fixture
def start() -> Iterator[Callable[..., Terminal]]:
    """Starts LGI_top at a terminal."""
    running: list[Terminal] = []

    def started(*words: str, **more: object) -> Terminal:
        running.append(Terminal(*words, **more))  # type: ignore[arg-type]
        return running[-1]

    yield started
    for one in running:
        one.close()


def test_one_screen_is_printed_for_a_pipe(grid: Grid, tool: Run) -> None:
    """As text and as JSON: the own jobs with their states and priorities, and the resources."""
    running = submitted(grid, "running", job_name="sweep")
    queued = submitted(grid, priority="7")
    failed = submitted(grid, "finished")
    grid.user("other@laptop").submit(application="command")
    grid.set_job(running, state="running", target_resources="res1@cluster", started=int(time.time()) - 65)

    code, text, _ = tool(top, "--once")
    shown = json.loads(tool(top, "--json")[1])

    assert code == 0
    assert "1 failed, 1 queued, 1 running\n" in text
    assert re.search(r"res1@cluster +1 running  called \d+ \w+ ago\n", text)
    lines = text.partition("waited")[2].splitlines()[1:]
    assert [int(line.split()[0]) for line in lines] == [running, failed, queued]
    assert re.search(rf"{running} +sweep +running +command +res1@cluster +\w+ +1m\d\ds\n", text)
    assert "queued, priority 7" in text
    assert {job["job_id"] for job in shown["jobs"]} == {running, queued, failed}
    assert shown["counts"] == {"failed": 1, "queued": 1, "running": 1}
    assert shown["resources"][0]["running"] == 1


def test_an_array_is_one_row_with_its_progress(grid: Grid, tool: Run) -> None:
    """Until all of its elements have ended."""
    posted = {"application": "command", "target_resources": "any", "job_name": "scan"}
    jobs = json.dumps([{**posted, "array_index": str(number)} for number in (1, 2)])
    reply = grid.user().post("interface_submit_jobs", jobs=jobs, array="a", array_size="2")
    array = reply.number("array_id")
    grid.set_job(array, state="finished", exit_code=1)

    _, text, _ = tool(top, "--once")
    shown = json.loads(tool(top, "--json")[1])
    grid.set_job(array + 1, state="finished", exit_code=0)

    assert re.search(rf"{array}\[\] +scan +1/2, 1 failed", text)
    assert (shown["arrays"][0]["array_id"], shown["jobs"]) == (array, [])
    assert json.loads(tool(top, "--json")[1])["arrays"] == []


def test_keys_move_explain_hold_and_abort(grid: Grid, tool: Run, start: Callable[..., Terminal]) -> None:
    """What is done is done to the chosen job; an abort is asked about first."""
    jobs = [submitted(grid, job_name=f"job{number}") for number in range(3)]
    terminal = start()
    assert "> " + str(jobs[0]) in terminal.wait_for("job2")

    terminal.press("\x1b[B")
    assert f"> {jobs[1]}" in terminal.wait_for(f"> {jobs[1]}")
    terminal.press("e")
    assert f"job {jobs[1]} has been queued" in terminal.wait_for("any key: back")
    terminal.press(" ")
    terminal.wait_for("q quit")
    terminal.press("h")
    terminal.wait_for("1 jobs are held")
    terminal.wait_for("held by user mark@laptop")
    terminal.press("a")
    terminal.wait_for(f"Abort job {jobs[1]}?")
    terminal.press("n")
    terminal.wait_for("nothing is done")
    assert len(grid.rows("SELECT job_id FROM job_queue")) == 3
    terminal.press("ja")
    terminal.wait_for(f"Abort job {jobs[2]}?")
    terminal.press("y")
    terminal.wait_for("1 jobs are deleted, 0 are being aborted")
    terminal.press("q")

    assert terminal.end() == 0
    assert [row["job_id"] for row in grid.rows("SELECT job_id FROM job_queue")] == jobs[:2]
    assert grid.rows("SELECT job_id FROM job_holds") == [{"job_id": jobs[1]}]


def test_the_output_of_a_job_is_shown_and_the_screen_comes_back(
    grid: Grid, tool: Run, start: Callable[..., Terminal]
) -> None:
    """Line by line, on the usual screen."""
    job = submitted(grid, "finished")
    grid.set_job(job, output=b"the last line\n")
    terminal = start()
    terminal.wait_for(f"> {job}")

    terminal.press("t")
    terminal.wait_for("the last line")
    terminal.wait_for("Enter: back")
    terminal.press("\r")

    terminal.wait_for("q quit")
    terminal.press("q")
    assert terminal.end() == 0


@pytest.mark.parametrize(("columns", "lines"), [(1, 1), (10, 2), (30, 4), (200, 13)])
def test_any_size_of_the_terminal_is_enough(
    grid: Grid, tool: Run, start: Callable[..., Terminal], columns: int, lines: int
) -> None:
    """No line is longer, and there are no more lines; it follows a change."""
    submitted(grid, job_name="sweep")
    terminal = start(columns=columns, lines=lines)
    terminal.wait_for("q"[:columns])
    shown = _CODES.sub("", terminal.output.split("\x1b[H")[-1]).split("\r\n")

    assert len(shown) <= lines
    assert max(map(len, shown)) <= columns
    terminal.resize(100, 20)
    terminal.wait_for("sweep")
    terminal.press("q")
    assert terminal.end() == 0


def test_a_name_steers_no_terminal(grid: Grid, tool: Run, start: Callable[..., Terminal]) -> None:
    """Text of the server and of other users is escaped before it is drawn."""
    job = submitted(grid)
    grid.run("UPDATE job_queue SET job_name = %s WHERE job_id = %s", HOSTILE, job)
    terminal = start(columns=200)

    terminal.wait_for("]0;owned")
    terminal.press("q")
    terminal.end()

    assert "\x1b]0" not in terminal.output
    assert "\x07" not in terminal.output
    assert "\u202e" not in terminal.output


def test_a_refusal_steers_no_terminal(run: Run, server: CannedServer, start: Callable[..., Terminal]) -> None:
    """Nor does what a server says itself."""
    server.will_answer_call("interfaces/interface_job_state", lgi_error(34, HOSTILE))
    terminal = start(columns=200)

    terminal.wait_for("(LGI error 34)")
    terminal.press("q")

    assert terminal.end() == 0
    assert "\x1b]0" not in terminal.output


def test_no_color_is_used_where_none_is_wanted(grid: Grid, tool: Run, start: Callable[..., Terminal]) -> None:
    """The chosen row has a mark besides."""
    job = submitted(grid, "finished")
    colored, plain = start(), start(NO_COLOR="1")

    drawn = {one: one.wait_for(f"> {job}") and one.output for one in (colored, plain)}
    for one in drawn:
        one.press("q")
        assert one.end() == 0

    assert re.search(r"\x1b\[31;7m> ", drawn[colored])
    assert not re.search(r"\x1b\[[0-9;]*m", drawn[plain])


def test_a_server_that_does_not_answer_is_asked_again(
    run: Run, server: CannedServer, start: Callable[..., Terminal]
) -> None:
    """The screen says so, and keys go on working."""
    server.will_answer_call("interfaces/interface_job_state", Answer(b"<html> down </html>", 502))
    terminal = start()

    terminal.wait_for("no answer from the server")
    asked = len(server.requests)
    terminal.press("r")
    while len(server.requests) == asked:
        time.sleep(0.05)
    terminal.press("q")

    assert terminal.end() == 0


def test_a_pipe_and_a_dumb_terminal_are_told_of_once(
    run: Run, server: CannedServer, start: Callable[..., Terminal]
) -> None:
    """Nothing is drawn there; an error has the exit code 1."""
    code, out, err = run(top)
    terminal = start(TERM="dumb")
    terminal.started.wait(60)

    assert (code, out) == (1, "")
    assert "give --once to print it once" in err
    assert terminal.end() == 1


def test_once_fails_when_the_server_does_not_answer(run: Run, server: CannedServer) -> None:
    """As other commands."""
    server.will_answer_call("interfaces/interface_job_state", Answer(b"<html> down </html>", 502))

    code, out, err = run(lambda words: top(words, Timing(retry_seconds=0.1)), "--once")

    assert (code, out) == (1, "")
    assert err.startswith("LGI_top: ")


def test_text_is_cut_to_the_cells_that_it_takes() -> None:
    """A character of Asia takes two, a combining one none."""
    assert screen.fit("abc", 2) == "ab"
    assert screen.fit("日本語", 5) == "日本"
    assert screen.fit("e\u0301e\u0301x", 2) == "e\u0301e\u0301"
