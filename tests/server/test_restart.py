"""A server that is stopped or restarted while calls are held, idle connections wait and others come."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPException
from pathlib import Path

import pytest

from lgi_protocol.client import TransportError
from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_protocol.resource_api import ResourceCalls
from lgi_server.api.uploads import PageRequest
from tests.support.grid import Grid, running, wait_for
from tests.support.pages import Browser

HELD, BUSY, RESTARTS = 12, 6, 3


@pytest.fixture
def own() -> Iterator[Grid]:
    """A server of our own: it is ended."""
    with running(Grid(settings={"workers": "2"})) as made:
        yield made


class Callers:
    """Programs that repeat calls until they are stopped."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.answers = 0
        self.over = threading.Event()

    def repeat(self, make: Callable[[], Callable[[], object]]) -> None:
        """Every call ends with an answer of LGI, or with a closed connection."""
        call = make()
        while not self.over.is_set():
            try:
                call()
                self.answers += 1
            except ServerError as refused:
                if refused.number != ErrorNumber.BACK_OFF:
                    self.faults.append(repr(refused))
            except (TransportError, OSError) as away:
                if "not an LGI document" in str(away) or "500" in str(away):
                    self.faults.append(repr(away))
                time.sleep(0.02)
                call = make()

    def program(self, grid: Grid, kind: int, job_id: int) -> Callable[[], object]:
        """A caller with a connection of its own: a daemon, a tool that waits, or one that only asks."""
        if kind == 0:
            resource = ResourceCalls(grid.client(grid.people.resource("res1@cluster")), grid.project)
            return lambda: resource.poll_work(["unknown_application"], [], 20)
        user = grid.user()
        wait = {"wait": "20"} if kind == 1 else {}
        return lambda: user.post("interface_job_state", job_id=str(job_id), **wait)

    def page(self, grid: Grid, job_id: int) -> None:
        """Open pages of a job, which wait for its changes."""
        browser = Browser(grid)
        while not self.over.is_set():
            try:
                (address,) = browser.get(f"jobs/{job_id}").tree.xpath("//@data-news")
                status = browser.get(f"https://localhost:{grid.port}{address}").status
                if status >= 500:
                    self.faults.append(f"page: HTTP {status}")
            except (OSError, HTTPException):
                time.sleep(0.02)


def worker_of(grid: Grid) -> int:
    """One of a server's workers."""
    assert grid.process is not None
    pid = grid.process.pid
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def stop_and_start(grid: Grid) -> None:
    """What a service manager does."""
    assert grid.process is not None
    grid.process.send_signal(signal.SIGTERM)
    assert grid.process.wait(60) == 0
    grid.start()


def reload(grid: Grid) -> None:
    """New workers in place of the old ones."""
    assert grid.process is not None
    grid.process.send_signal(signal.SIGHUP)


def end_a_worker(grid: Grid) -> None:
    """The server makes another."""
    os.kill(worker_of(grid), signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.parametrize("restart", [stop_and_start, reload, end_a_worker])
def test_a_server_that_ends_leaves_no_caller_with_half_an_answer(
    own: Grid, restart: Callable[[Grid], None]
) -> None:
    """Held calls are answered or closed, the log has no traceback, and afterwards everybody is served."""
    own.resource()
    job_id = own.user().submit()
    callers = Callers()

    with ThreadPoolExecutor(HELD + BUSY + 1) as beside:
        for number in range(HELD + BUSY):
            kind = number % 2 if number < HELD else 2
            beside.submit(callers.repeat, partial(callers.program, own, kind, job_id))
        pages = beside.submit(callers.page, own, job_id)
        try:
            for _ in range(RESTARTS):
                time.sleep(1.5)
                restart(own)
            time.sleep(2.5)
            answers = callers.answers
            wait_for(lambda: callers.answers > answers)
        finally:
            callers.over.set()
            own.stop()
        pages.result(60)

    assert answers > 0
    assert not callers.faults
    assert "Traceback" not in own.log.read_text(), own.log.read_text()[:6000]


def test_a_server_without_requests_ends_sooner_than_it_starts(own: Grid) -> None:
    """Its workers end at the signal, and not at their next look, a second later."""
    own.user().post("interface_job_state")

    def ends_soon() -> bool:
        started = time.monotonic()
        own.stop()
        stopped = time.monotonic()
        own.start()
        begun = time.monotonic()
        # The next stop meets workers that have begun.
        own.user().post("interface_job_state")
        return stopped - started < begun - stopped

    assert any(ends_soon() for _ in range(5))


def test_a_server_on_several_addresses_survives_a_reload() -> None:
    """Its own sockets are not in its way."""
    made = Grid()
    made.change_settings({"listen": f"127.0.0.1:{made.port}, 127.0.0.2:{made.port}"})
    with running(made) as own:
        own.user().post("interface_job_state")
        before = worker_of(own)

        reload(own)
        wait_for(lambda: worker_of(own) != before, 60)

        assert own.process is not None
        assert own.process.poll() is None
        own.user().post("interface_job_state")


def test_a_posted_file_that_cannot_be_removed_takes_nobody_s_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The call is answered as it was; the log says which file is left."""
    request = PageRequest({"REQUEST_METHOD": "POST"})
    left = tmp_path / "left"
    left.mkdir()
    request.arrived = [left]

    request.remove_arrived_files()

    assert f"cannot remove {left}" in caplog.text
