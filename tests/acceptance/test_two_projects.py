"""One daemon that runs jobs of two projects, each with its own server."""

from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import RESOURCE, DaemonProcess
from tests.support.grid import Grid, running, wait_for


@pytest.fixture(scope="module")
def other(running_grid: Grid) -> Iterator[Grid]:
    """The server of the project OTHER, with the same authority."""
    new = Grid(authority=running_grid.people.authority, project="OTHER")
    new.people = running_grid.people
    with running(new, cleared=False) as made:
        yield made


@pytest.fixture
def daemon(grid: Grid, other: Grid) -> Iterator[DaemonProcess]:
    """A daemon whose configuration has a block for each of them, not yet started."""
    other.clear()
    made = DaemonProcess(grid)
    text = made.configuration.read_text()
    begin, end = text.index("<project number"), text.index("</resource>")
    block = text[begin:end].replace("number='1'", "number='2'", 1).replace(grid.url, other.url)
    block = block.replace("<project_name> LGI <", "<project_name> OTHER <")
    text = text[:end] + block + text[end:]
    made.configuration.write_text(text.replace("projects> 1 <", "projects> 2 <"))
    try:
        yield made
    finally:
        made.remove()


@pytest.mark.slow
def test_one_daemon_serves_two_projects(grid: Grid, other: Grid, daemon: DaemonProcess) -> None:
    """It signs up at both servers, runs the jobs of each, and reports each job to its server only."""
    for server in (grid, other):
        server.resource(RESOURCE, "").sign_off()
    daemon.start()
    wait_for(lambda: all("hello_world" in _capabilities(server) for server in (grid, other)))

    inputs = {grid: b"for LGI", other: b"for OTHER"}
    jobs = {server: server.user().submit(input=text.hex()) for server, text in inputs.items()}
    wait_for(lambda: all(server.user().state(job) == "finished" for server, job in jobs.items()))

    for server, job in jobs.items():
        output = server.user().post("interface_job_state", job_id=str(job)).value("job", "output")
        assert bytes.fromhex(output).endswith(b"submitted with input: " + inputs[server])
        assert len(server.rows("SELECT job_id FROM job_queue")) == 1
    accepted = [line for line in daemon.log.read_text().splitlines() if ": accepted from " in line]
    assert sorted(line.split()[4] for line in accepted) == ["LGI/hello_world", "OTHER/hello_world"]


def _capabilities(server: Grid) -> str:
    rows = server.rows(
        "SELECT resource_capabilities FROM active_resources WHERE resource_name = %s", RESOURCE
    )
    return str(rows[0]["resource_capabilities"])
