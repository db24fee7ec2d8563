"""LGI_attach with a real server and daemon, of root and of an ordinary user, with and without a terminal."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from benchmarks.job_cost import CountedDaemon
from lgi_protocol.attach_frames import MOST_WAITING
from lgi_tools.certificates import user_directory
from tests.acceptance.conftest import signed_up
from tests.support.grid import BIN, PROJECT, Grid, UserCalls, running, wait_for

pytestmark = pytest.mark.slow
# Runs until there is a file "stop" in its directory.
PROGRAM = b"""#!/bin/sh
printf 'one\\ntwo\\nthree\\n' > begun
mv begun output
while ! [ -e stop ]; do sleep 0.1; done
"""


class AttachDaemon(CountedDaemon):
    """A daemon that offers the application command and allows LGI_attach."""

    def configure(self) -> None:
        """Write its configuration."""
        super().configure()
        text = self.configuration.read_text()
        self.configuration.write_text(text.replace("<resource>", "<resource> <attach> yes </attach>", 1))

    @contextmanager
    def without_attach(self) -> Iterator[None]:
        """Forbid LGI_attach during a block."""
        text = self.configuration.read_text()
        self._use(text.replace("<attach> yes </attach>", ""))
        try:
            yield
        finally:
            self._use(text)

    def _use(self, text: str) -> None:
        assert self.process is not None
        done = self.log.read_text().count("reloaded ")
        self.configuration.write_text(text)
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.log.read_text().count("reloaded ") > done)


class Terminal:
    """A program at a pseudo-terminal, as a context in which it runs."""

    def __init__(self, words: list[str], environment: dict[str, str]) -> None:
        """Start it at a terminal of 80 columns and 24 lines."""
        self._master, slave = pty.openpty()
        self.resize(80, 24)
        self._before = termios.tcgetattr(slave)
        self._slave = slave
        self._process = subprocess.Popen(
            words, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        self.shown = ""

    def __enter__(self) -> Self:
        """Wait until the shell is there."""
        self.type("echo re''ady\n")
        self.wait_for("ready")
        return self

    def __exit__(self, *_error: object) -> None:
        """End it."""
        self._process.kill()
        self._process.wait(60)
        os.close(self._master)
        os.close(self._slave)

    def resize(self, columns: int, lines: int) -> None:
        """Give it another size."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        if hasattr(self, "_process"):
            # As it has no foreground process that the kernel would tell.
            self._process.send_signal(signal.SIGWINCH)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def wait_for(self, text: str) -> None:
        """Wait until a text is shown behind what was waited for before."""
        assert self._shows(text, 60.0), self.shown
        self.shown = self.shown.partition(text)[2]

    def _shows(self, text: str, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while text not in self.shown and time.monotonic() < end:
            if select.select([self._master], [], [], 0.2)[0]:
                self.shown += os.read(self._master, 65536).decode("utf-8", "replace")
        return text in self.shown

    def interrupt(self) -> None:
        """Press Ctrl-C until the shell is back: when it is just about to start a program it keeps it."""

        def is_back() -> bool:
            self.type("\x03")
            self.type("echo sur''vived\n")
            return self._shows("survived", 5.0)

        wait_for(is_back)

    def exit_code(self) -> int:
        """Wait for its end."""
        return self._process.wait(60)

    def is_restored(self) -> bool:
        """Whether the terminal is as it was before."""
        return termios.tcgetattr(self._slave) == self._before


@dataclass
class World:
    """A project with a daemon, and the home directory of a user."""

    grid: Grid
    daemon: AttachDaemon
    home: Path
    is_root: bool

    @property
    def user(self) -> UserCalls:
        """The user."""
        return self.grid.user()

    def begin(self) -> int:
        """Submit a job, and return its number when it runs."""
        job_id = self.user.submit(application="command", input=PROGRAM.hex())
        wait_for(lambda: self.file(job_id, "output"))
        return job_id

    def file(self, job_id: int, name: str) -> Path | None:
        """A file in the directory of a job; None when it is not there."""
        for folder in self.daemon.jobs():
            with suppress(OSError):
                if (folder / "LGI_job_id").read_text().strip() == str(job_id) and (folder / name).exists():
                    return folder / name
        return None

    def words(self, *words: object) -> list[str]:
        """A command of the user."""
        return [str(BIN / "LGI_attach"), *map(str, words)]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the user's commands."""
        return {"HOME": str(self.home), "PATH": os.environ["PATH"], "TERM": "xterm"}

    def end(self, job_id: int) -> None:
        """Let a job end, and wait for it."""
        # The end of the job may be known before that of the command.
        done = self.run(job_id, "touch", "stop")
        assert done.returncode in {0, 137, 255}, done
        wait_for(lambda: self.user.state(job_id) == "finished")

    def run(self, *words: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run LGI_attach without a terminal."""
        return subprocess.run(
            self.words(*words),
            input=stdin,
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module", params=["root", "a user"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server, and a daemon of root or of an ordinary user."""
    is_root = request.param == "root"
    if is_root and os.geteuid() != 0:
        pytest.skip("it needs root")
    home = tmp_path_factory.mktemp("home")
    with running(Grid()) as grid, signed_up(AttachDaemon(grid, "command", is_root)) as daemon:
        user_directory.write(
            home / ".LGI",
            grid.people.user("mark@laptop", ("theor", "cyttron")),
            grid.people.authority.ca_file,
            user="mark@laptop",
            groups=("theor",),
            server=grid.url,
            project=PROJECT,
        )
        yield World(grid, daemon, home, is_root)


def test_a_command_runs_in_the_directory_of_the_job_with_its_rights(world: World) -> None:
    """With pipes: streams stay apart, input ends, the exit code is its own. Under root it sees no key."""
    job_id = world.begin()
    output = world.file(job_id, "output")
    assert output is not None
    key = world.daemon.directory / "laptop@test.key"

    lines = world.run(job_id, "--", "tail", "-n", "2", "output")
    script = f"id -u; pwd; tty; echo problem >&2; cat; cat {key} > /dev/null && echo READ; exit 7"
    done = world.run(job_id, "--", "sh", "-c", script, stdin=b"typed\n")
    killed = world.run(job_id, "sh", "-c", "kill -9 $$")
    missing = world.run(job_id, "no_such_command")

    uid, directory, *rest = done.stdout.decode().splitlines()
    assert (lines.returncode, lines.stdout, lines.stderr) == (0, b"two\nthree\n", b"")
    assert (int(uid), directory) == (output.stat().st_uid, str(output.parent))
    assert (uid != "0") or os.geteuid() != 0
    assert rest == ["not a tty", "typed", *([] if world.is_root else ["READ"])]
    assert done.stderr.startswith(b"problem\n")
    assert [one.returncode for one in (done, killed, missing)] == [7, 137, 127]
    world.end(job_id)


def test_a_shell_at_a_terminal_knows_its_size_and_is_interrupted(world: World) -> None:
    """Ctrl-C reaches the program, not LGI_attach; the exit code of the shell is that of LGI_attach."""
    job_id = world.begin()
    with Terminal(world.words(job_id), world.environment) as terminal:
        terminal.type("stty size\n")
        terminal.wait_for("24 80")
        terminal.resize(101, 31)
        terminal.type("until stty size | grep '31 101'; do sleep 0.1; done; tty; echo $TERM\n")
        terminal.wait_for("31 101")
        terminal.wait_for("/dev/pts/")
        terminal.wait_for("xterm")
        terminal.type("echo be''gins; sleep 1000; echo inter''rupted\n")
        terminal.wait_for("begins")
        terminal.interrupt()
        terminal.type("exit 3\n")
        assert terminal.exit_code() == 3
        assert "interrupted" not in terminal.shown
        assert terminal.is_restored()
    world.end(job_id)


def test_a_session_ends_with_its_job(world: World) -> None:
    """LGI_attach says so, and no process is left."""
    job_id = world.begin()
    words = world.words(job_id, "sh", "-c", "echo $$; exec sleep 1000")
    with subprocess.Popen(
        words, env=world.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as attached:
        assert attached.stdout is not None
        pid = int(attached.stdout.readline())
        world.user.delete(job_id)
        _output, errors = attached.communicate(timeout=120)

    assert attached.returncode in {255, 137}
    assert attached.returncode == 137 or b"job" in errors
    wait_for(lambda: not Path(f"/proc/{pid}").exists())


@pytest.mark.parametrize("ends", ["terminated", "killed"])
def test_a_session_ends_with_its_user(world: World, ends: str) -> None:
    """At once when LGI_attach can say so; when it was killed the server waits, here by another clock."""
    job_id = world.begin()
    words = world.words(job_id, "sh", "-c", "trap '' HUP; echo $$; while echo; do sleep 0.1; done")
    with subprocess.Popen(
        words, env=world.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as attached:
        assert attached.stdout is not None
        pid = int(attached.stdout.readline())
        attached.send_signal(signal.SIGTERM if ends == "terminated" else signal.SIGKILL)
        attached.wait(60)

    def has_ended() -> bool:
        if ends == "killed":
            # A call that it has made before may still be answered.
            world.grid.run("UPDATE attach_sessions SET user_seen = user_seen - 100 WHERE ended = 0")
        return not Path(f"/proc/{pid}").exists()

    wait_for(has_ended)
    assert world.user.state(job_id) == "running"
    world.end(job_id)


def test_a_program_that_writes_without_end_holds_up_nobody(world: World) -> None:
    """What its user does not read waits in the program; other calls and sessions go on."""
    job_id = world.begin()
    with subprocess.Popen(
        world.words(job_id, "yes"), env=world.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as attached:
        wait_for(lambda: bytes_waiting(world.grid) > 0)
        other = world.run(job_id, "echo", "other")
        waiting = bytes_waiting(world.grid)
        attached.terminate()
        attached.communicate(timeout=60)

    assert (other.returncode, other.stdout) == (0, b"other\n")
    assert waiting <= 2 * MOST_WAITING
    assert world.user.state(job_id) == "running"
    world.end(job_id)


def bytes_waiting(grid: Grid) -> int:
    """How many bytes are on their way to users."""
    (row,) = grid.rows("SELECT COALESCE(SUM(LENGTH(output_waiting)), 0) AS bytes FROM attach_sessions")
    return int(str(row["bytes"]))


def test_large_output_and_input_arrive_whole(world: World) -> None:
    """Bytes of any value, in the order in which they were sent."""
    job_id = world.begin()
    data = bytes(range(256)) * 1200

    done = world.run(job_id, "cat", stdin=data)

    assert (done.returncode, done.stdout == data) == (0, True)
    world.end(job_id)


def test_a_resource_that_does_not_allow_it_says_so(world: World) -> None:
    """Its owner decides, at any time: a session that runs ends too."""
    job_id = world.begin()
    with world.daemon.without_attach():
        done = world.run(job_id, "true")

    assert done.returncode == 255
    assert b"the resource does not allow LGI_attach" in done.stderr
    wait_for(lambda: world.run(job_id, "true").returncode == 0)
    world.end(job_id)
