"""The scheduler that LGI_server starts beside itself."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.grid import BIN, Grid, wait_for

pytestmark = pytest.mark.slow
# In MB, a fifth more than today's: of master process, two workers and scheduler, and what the last has alone.
MOST_MEMORY, MOST_UNSHARED = 81.0, 11.0


class Server:
    """LGI_server of a grid, started as an administrator starts it."""

    def __init__(self, grid: Grid, *words: str) -> None:
        self.grid = grid
        with grid.log.open("ab") as log:
            command = [BIN / "LGI_server", *words, grid.config_file]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        wait_for(lambda: len(self.children()) >= grid.config.workers, 60)

    def children(self) -> list[int]:
        """The processes that it has started."""
        pid = self.process.pid
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def schedulers(self) -> list[int]:
        """Those of them that are schedulers."""
        return [pid for pid in self.children() if name(pid) == "LGI_scheduler"]

    def stop(self) -> None:
        """End it, and kill what is left of it."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


def name(pid: int) -> str:
    """The name of a process in lists; nothing when it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def command_line(pid: int) -> bytes:
    """The words of a process; nothing when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def own_grid() -> Iterator[Grid]:
    """A grid that is set up and not started."""
    made = Grid()
    yield made
    made.remove()


@pytest.fixture
def server(own_grid: Grid) -> Iterator[Server]:
    """Its server."""
    started = Server(own_grid)
    yield started
    started.stop()


def test_a_server_starts_a_scheduler_for_its_projects(server: Server) -> None:
    """One process, whose first task is there within seconds."""
    wait_for(lambda: len(server.schedulers()) == 1)

    wait_for(lambda: "the scheduler of LGI has started" in server.grid.log.read_text())
    wait_for(lambda: server.grid.rows("SELECT event FROM event_queue") != [])


def test_a_scheduler_that_dies_is_started_again(server: Server) -> None:
    """The log says so; the server goes on."""
    wait_for(lambda: len(server.schedulers()) == 1)
    (first,) = server.schedulers()

    os.kill(first, signal.SIGKILL)

    wait_for(lambda: server.schedulers() not in ([], [first]))
    assert "the scheduler has ended; it is started again in 1 s" in server.grid.log.read_text()
    assert server.process.poll() is None


def test_a_scheduler_that_is_told_to_open_its_log_again_at_its_start_goes_on() -> None:
    """`LGI_scheduler` ignores these signals, and so does the new process before it has become one."""
    program = (
        "import os, signal\n"
        "from lgi_server.serving.scheduler_process import SchedulerProcess\n"
        "def work(_parent):\n"
        "    for number in (signal.SIGHUP, signal.SIGUSR1):\n"
        "        os.kill(os.getpid(), number)\n"
        "    return 7\n"
        "SchedulerProcess(work).keep(())\n"
        "print(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)

    assert done.stdout == "7\n"


def test_the_scheduler_ends_with_its_server(server: Server) -> None:
    """When the server has ended no process of it is left."""
    wait_for(lambda: "the scheduler of LGI has started" in server.grid.log.read_text())
    (scheduler,) = server.schedulers()

    server.process.send_signal(signal.SIGTERM)

    assert server.process.wait(60) == 0
    assert command_line(scheduler) == b""
    assert "the scheduler has ended\n" in server.grid.log.read_text()


def test_the_scheduler_of_a_server_that_is_killed_ends_too(server: Server) -> None:
    """It never holds the server's port, so that the next one can listen at once."""
    wait_for(lambda: "the scheduler of LGI has started" in server.grid.log.read_text())
    (scheduler,) = server.schedulers()
    os.kill(scheduler, signal.SIGSTOP)

    for pid in (server.process.pid, *(pid for pid in server.children() if pid != scheduler)):
        os.kill(pid, signal.SIGKILL)
    server.process.wait(60)

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        wait_for(lambda: binds(probe, server.grid.port), 60)
    os.kill(scheduler, signal.SIGCONT)
    wait_for(lambda: command_line(scheduler) == b"")


def binds(probe: socket.socket, port: int) -> bool:
    """Whether a port is free."""
    try:
        probe.bind(("127.0.0.1", port))
        probe.listen()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("way", ["option", "setting"])
def test_a_server_starts_no_scheduler_where_that_is_not_wanted(own_grid: Grid, way: str) -> None:
    """As where LGI_scheduler is a service of its own: by an option or a setting."""
    words = ("--without-scheduler",) if way == "option" else ()
    if way == "setting":
        own_grid.change_settings({"with_server": "false"})

    server = Server(own_grid, *words)
    wait_for(own_grid.listens)
    children = server.children()
    schedulers = server.schedulers()
    server.stop()

    assert len(children) == own_grid.config.workers
    assert schedulers == []
    assert "the scheduler" not in own_grid.log.read_text()


def test_the_processes_of_a_server_share_their_memory(server: Server) -> None:
    """At rest, and without the pages of programs and libraries, which other programs share too."""
    wait_for(lambda: "the scheduler of LGI has started" in server.grid.log.read_text())
    wait_for(server.grid.listens)

    processes = (server.process.pid, *server.children())
    (scheduler,) = server.schedulers()

    assert sum(memory(pid, "Pss_Anon") for pid in processes) <= MOST_MEMORY
    assert memory(scheduler, "Private_Dirty") <= MOST_UNSHARED


def memory(pid: int, kind: str) -> float:
    """What a process has of a kind of memory, in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")) / 1000
