"""LGI_server drain: one of several servers is taken out, and nobody's request is lost."""

import socket
import subprocess
import threading

import pytest

from tests.support.grid import BIN, Grid, running, wait_for
from tests.support.siblings import Sibling

pytestmark = pytest.mark.slow


def drain(grid: Grid) -> subprocess.CompletedProcess[str]:
    """Run the command on a server's configuration."""
    command = [BIN / "LGI_server", "drain", grid.config_file]
    return subprocess.run(command, capture_output=True, text=True, timeout=110)


def test_a_server_that_is_drained_answers_the_request_that_it_has() -> None:
    """Half a call is sent before; its other half is taken and answered while new connections are refused."""
    with running(Grid(settings={"workers": "1"})) as grid:
        user = grid.user()
        context = user.client.credentials.context()
        body = b"project=LGI&user=mark%40laptop&groups=theor"
        head = (
            "POST /LGI/interfaces/interface_project_server_list.php HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        plain = socket.create_connection(("127.0.0.1", grid.port), 60)
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            connection.sendall(head.encode() + body[:10])
            # It is with the worker when that has answered a later call.
            user.post("interface_project_server_list")
            done: list[subprocess.CompletedProcess[str]] = []
            thread = threading.Thread(target=lambda: done.append(drain(grid)))
            thread.start()
            wait_for(lambda: not accepts(grid.port))
            connection.sendall(body[10:])
            answer = connection.recv(4096)
            thread.join(100)

        assert answer.startswith(b"HTTP/1.1 200")
        assert done[0].returncode == 0, done[0].stderr
        assert "has answered all requests and ended" in done[0].stdout
        assert grid.process is not None
        assert grid.process.wait(60) == 0


def accepts(port: int) -> bool:
    """Whether a port takes connections."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_server_with_another_configuration_goes_on() -> None:
    """The one beside it, of the same project."""
    with running(Grid()) as first:
        second = Sibling(first)
        second.start()
        try:
            done = drain(second)
            answer = first.user().post("interface_project_server_list")
        finally:
            second.stop()

    assert done.returncode == 0, done.stderr
    assert answer.value("this_project_server") == first.url
    assert not accepts(second.port)


def test_a_server_that_does_not_run_cannot_be_drained() -> None:
    """The message has its configuration."""
    grid = Grid()
    done = drain(grid)
    grid.remove()

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"LGI_server: no LGI_server of {grid.config_file} runs on this machine\n"
