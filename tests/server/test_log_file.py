"""The log of a server in a file that is moved away while it is in use, as logrotate does."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator

import pytest

from lgi_protocol.errors import TransportError
from tests.server.test_scheduler_process import Server, command_line
from tests.support.grid import BIN, Grid, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.one_database]


@pytest.fixture
def server() -> Iterator[Server]:
    """A server with its scheduler, which log to a file."""
    grid = Grid(settings={"log_file": "own.log"})
    started = Server(grid)
    yield started
    started.stop()
    grid.remove()


def is_submitted(grid: Grid, name: str) -> bool:
    """Whether a user could submit; a worker that is replaced may close a connection that it has accepted."""
    try:
        return grid.user(name).submit() > 0
    except TransportError:
        return False


@pytest.mark.parametrize("number", [None, signal.SIGUSR1, signal.SIGHUP])
def test_a_log_that_is_moved_is_made_again(server: Server, number: signal.Signals | None) -> None:
    """By workers and scheduler, whether they are told or not; nothing is lost, and nothing ends."""
    file = server.grid.config_file.with_name("own.log")
    moved = file.with_name("own.log.1")
    wait_for(lambda: "the scheduler of LGI has started" in file.read_text())
    wait_for(server.grid.listens)
    server.grid.clear()
    server.grid.resource()
    (scheduler,) = server.schedulers()
    server.grid.user("eve@desk").submit()

    file.rename(moved)
    if number is not None:
        os.kill(server.process.pid, number)
        os.kill(scheduler, number)
    wait_for(lambda: is_submitted(server.grid, "mark@laptop"))
    os.kill(scheduler, signal.SIGTERM)
    wait_for(lambda: command_line(scheduler) == b"")

    assert "by 'eve@desk" in moved.read_text()
    assert "by 'mark@laptop" not in moved.read_text()
    assert "by 'mark@laptop" in file.read_text()
    assert "the scheduler has ended\n" in file.read_text()
    assert server.process.poll() is None
    assert server.grid.log.read_text() == ""


def test_a_log_that_cannot_be_written_is_told_at_the_start() -> None:
    """The message has the path; the server does not start without its log."""
    grid = Grid(settings={"log_file": "nowhere/own.log"})
    done = subprocess.run([BIN / "LGI_server", grid.config_file], capture_output=True, text=True, timeout=60)
    grid.remove()

    assert done.returncode == 1
    assert re.search(r"LGI_server: .*No such file or directory: '.*/nowhere/own.log'", done.stderr)
