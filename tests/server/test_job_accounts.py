"""What a running job holds on its server is counted for the job, and does not reduce the limits of others."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lgi_server.background.concurrency_limiter import JOB_SLOTS
from lgi_server.background.job_connections import CHECK_SECONDS
from tests.support.grid import Grid, refusal, running, wait_for
from tests.support.running_jobs import JobClaims, certified, started, take

# One worker, of whose places a resource may have 16, and all jobs together 32.
PLACES, SILENT = 64, 40
SUBMIT = (
    b"POST /LGI/resources/resource_submit_job HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nproject="
)


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def one_worker(request: pytest.FixtureRequest) -> Iterator[Grid]:
    """A server whose places are easily counted."""
    address = "sqlite:LGI.sqlite"
    if request.param == "mariadb":
        address = request.getfixturevalue("private_mariadb").create_database("job_accounts")
    # A call that never ends is not closed for its slowness while a test lasts.
    settings = {"workers": "1", "requests_at_once": str(PLACES), "rate_window": "100"}
    with running(Grid(address, settings)) as made:
        yield made


@pytest.fixture
def job(one_worker: Grid, tmp_path: Path) -> JobClaims:
    """A job of mark@laptop that runs on res1@cluster."""
    one_worker.clear()
    return started(one_worker, tmp_path)


def silent_posts(job: JobClaims, number: int, stack: ExitStack) -> list[ssl.SSLSocket]:
    """So many calls of a job that begin and never end."""
    context = job.credentials.context()
    opened = []
    for _ in range(number):
        plain = stack.enter_context(socket.create_connection(("127.0.0.1", job.grid.port), 60))
        connection = stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
        connection.sendall(SUBMIT)
        connection.setblocking(False)
        opened.append(connection)
    return opened


def answers(connections: list[ssl.SSLSocket]) -> list[bytes | None]:
    """What each has been answered by now: nothing yet, a document, or the end of the connection."""
    told: list[bytes | None] = []
    for connection in connections:
        try:
            told.append(connection.recv(65536))
        except ssl.SSLWantReadError:
            told.append(None)
        except OSError:
            told.append(b"")
    return told


@pytest.mark.slow
def test_a_job_takes_no_place_of_its_resource(job: JobClaims) -> None:
    """Its calls are refused beyond a few; its daemon, another's job there and its user go on."""
    grid, other = job.grid, job.grid.user("eve@desk", ("chem",))
    with ExitStack() as stack:
        connections = silent_posts(job, SILENT, stack)
        refused = 0

        def are_refused() -> bool:
            nonlocal refused
            refused += sum(b"<number> 1 <" in (told or b"") for told in answers(connections))
            return refused >= SILENT - JOB_SLOTS

        wait_for(are_refused)

        assert refusal(job.calls.sign_up) == 1
        assert [job.resource.job_state(job.job_id).state for _ in range(20)] == ["running"] * 20
        others_job = other.submit()
        assert take(grid, job.resource) == str(others_job)
        assert grid.user().state(int(job.job_id)) == "running"


@pytest.mark.slow
def test_the_jobs_of_one_user_have_a_share_together(job: JobClaims, tmp_path: Path) -> None:
    """A job of another user still gets a place, however many jobs the first one has."""
    grid, calls = job.grid, job.resource
    jobs = [job]
    for _ in range(3):
        grid.user().submit()
        jobs.append(certified(grid, calls, take(grid, calls), tmp_path))
    eve = grid.user("eve@desk", ("chem",))
    eve.submit()
    others = certified(grid, calls, take(grid, calls), tmp_path)
    with ExitStack() as stack:
        opened = [one for each in jobs for one in silent_posts(each, JOB_SLOTS, stack)]
        held = 8

        def are_refused() -> bool:
            told = answers(opened)
            opened[:] = [one for one, answer in zip(opened, told, strict=True) if answer is None]
            return len(opened) == held

        wait_for(are_refused)

        assert others.submit(owners="eve@desk")


@pytest.mark.slow
def test_a_job_that_has_ended_loses_its_connections(job: JobClaims) -> None:
    """Those in the middle of a call, and those that wait for the next one."""
    with ExitStack() as stack:
        connections = silent_posts(job, JOB_SLOTS - 1, stack)
        idle = job.client.session
        assert job.list().status_code == 200
        assert answers(connections) == [None] * len(connections)

        job.resource.lock(job.job_id)
        job.resource.update(job.job_id, state="finished")
        job.resource.unlock(job.job_id)

        wait_for(lambda: answers(connections) == [b""] * len(connections))
        idle.close()
    wait_for(lambda: f"job {job.job_id} on res1@cluster has ended" in job.grid.log.read_text())


@pytest.mark.slow
def test_a_job_that_runs_keeps_its_connections(job: JobClaims) -> None:
    """Repeated checks do not close them."""
    with ExitStack() as stack:
        connections = silent_posts(job, 1, stack)
        with pytest.raises(AssertionError):
            wait_for(lambda: answers(connections) != [None], 2.5 * CHECK_SECONDS)
    assert "Traceback" not in job.grid.log.read_text()
