"""LGI_server status of a project with several servers."""

import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.grid import BIN, Grid, running, wait_for
from tests.support.siblings import Sibling

pytestmark = pytest.mark.slow


@pytest.fixture
def pair() -> Iterator[tuple[Grid, Sibling]]:
    """Two servers on one database."""
    with running(Grid()) as first:
        second = Sibling(first)
        second.start()
        try:
            yield first, second
        finally:
            second.stop()


def status(grid: Grid) -> str:
    """What LGI_server status says; AssertionError when it fails."""
    command = [BIN / "LGI_server", "status", grid.config_file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def calls(text: str, name: str) -> int:
    """How many calls of a name were answered."""
    found = re.search(rf"^{name} +(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


def test_the_status_command_adds_up_all_servers_of_a_project(pair: tuple[Grid, Sibling]) -> None:
    """Each has a line; calls are those of both, jobs those of the one database."""
    first, second = pair
    first.resource()
    for server, number in ((first, 2), (second, 3)):
        for _ in range(number):
            server.user().post("interface_project_server_list")
    first.user().submit()
    wait_for(lambda: status(first).count(": up\n") == 2)
    wait_for(lambda: "queued         1" in status(first))

    words = status(first)

    assert calls(words, "interface_project_server_list") == 5
    assert all(f"127.0.0.1:{server.port}: up\n" in words for server in pair)


def test_a_server_that_does_not_answer_is_named(pair: tuple[Grid, Sibling]) -> None:
    """The others are asked all the same."""
    first, second = pair
    wait_for(lambda: status(first).count(": up\n") == 2)

    second.stop()
    words = status(first)

    assert f"127.0.0.1:{first.port}: up\n" in words
    assert re.search(rf"127.0.0.1:{second.port}: its heartbeat is \d+ s old, but it does not answer: ", words)
