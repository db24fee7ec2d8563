"""Long polls of open pages, which are answered as soon as something has changed."""

import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import running_jobs
from tests.support.grid import Grid
from tests.support.pages import Browser, Page

# Held requests end after HELD seconds without news: what is answered sooner had some.
HELD, SOON = 25.0, 20.0


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    """Somebody who waits."""
    with ThreadPoolExecutor(4) as executor:
        yield executor


def asks(browser: Browser, page: Page) -> Page:
    """What the script of an open page asks for, and its answer."""
    (address,) = page.tree.xpath("//@data-news")
    return browser.get(f"https://localhost:{browser.grid.port}{address}")


def waiting(beside: ThreadPoolExecutor, browser: Browser, page: Page) -> "Future[tuple[int, float]]":
    """The status of an answer that is waited for, and how long that took."""

    def work() -> tuple[int, float]:
        begin = time.monotonic()
        return asks(browser, page).status, time.monotonic() - begin

    future = beside.submit(work)
    # It has to be held before anything happens; when it is not yet, the test is only easier.
    threading.Event().wait(0.3)
    return future


def test_a_page_is_told_that_its_job_has_another_state(grid: Grid, beside: ThreadPoolExecutor) -> None:
    """At once; what the page asks for next is about the new state."""
    resource = grid.resource()
    job_id = grid.user().submit()
    browser = Browser(grid)
    held = waiting(beside, browser, browser.get(f"jobs/{job_id}"))

    running_jobs.take(grid, resource)

    status, seconds = held.result(60)
    assert (status, seconds < SOON) == (200, True)
    assert "state=running" in browser.get(f"jobs/{job_id}").tree.xpath("//@data-news")[0]


def test_a_page_is_told_what_its_job_puts_out(grid: Grid, beside: ThreadPoolExecutor) -> None:
    """Opening the page makes the daemon send output; the page shows the last part."""
    resource = grid.resource()
    grid.user().submit()
    job_id = running_jobs.take(grid, resource)
    browser = Browser(grid)
    held = waiting(beside, browser, browser.get(f"jobs/{job_id}"))

    while not resource.send_tail(job_id, running_jobs.REFERENCE, 0, b"step 1\n<b>"):
        time.sleep(0.1)

    status, seconds = held.result(60)
    assert (status, seconds < SOON) == (200, True)
    page = browser.get(f"jobs/{job_id}")
    assert "Output So far 10 B" in page.text
    assert "\nstep 1\n<b>" in [pre.text for pre in page.tree.xpath("//pre")]


def test_a_page_is_told_that_its_job_is_gone(grid: Grid, beside: ThreadPoolExecutor) -> None:
    """It is loaded again then, and says so."""
    grid.resource()
    job_id = grid.user().submit()
    browser = Browser(grid)
    held = waiting(beside, browser, browser.get(f"jobs/{job_id}"))

    grid.user().delete(job_id)

    status, seconds = held.result(60)
    assert (status, seconds < SOON) == (404, True)


def test_a_job_that_has_ended_asks_for_nothing(grid: Grid) -> None:
    """Older pages of a list do not poll either."""
    grid.resource()
    job_id = grid.user().submit()
    grid.set_job(job_id, state="finished")

    assert Browser(grid).get(f"jobs/{job_id}").tree.xpath("//@data-news") == []
    assert Browser(grid).get(f"jobs?before=9999999999-{job_id}").tree.xpath("//@data-news") == []


@pytest.mark.parametrize("change", ["submit", "run", "abort"])
def test_a_list_is_told_that_a_job_has_changed(grid: Grid, beside: ThreadPoolExecutor, change: str) -> None:
    """A new one, one that a resource has taken, one that is to be aborted."""
    resource, user = grid.resource(), grid.user()
    first = user.submit()
    if change == "abort":
        running_jobs.take(grid, resource)
    browser = Browser(grid)
    held = waiting(beside, browser, browser.get("jobs"))

    {
        "submit": user.submit,
        "run": lambda: running_jobs.take(grid, resource),
        "abort": lambda: user.delete(first),
    }[change]()

    status, seconds = held.result(60)
    assert (status, seconds < SOON) == (200, True)


def test_a_list_is_not_told_of_what_others_do(grid: Grid, beside: ThreadPoolExecutor) -> None:
    """Changes that it shows already do not wake it either: it waits for a change of one of its jobs."""
    grid.resource()
    user, other = grid.user(), grid.user("other@laptop", ("x",))
    user.submit()
    browser = Browser(grid)
    held = waiting(beside, browser, browser.get("jobs"))

    other.submit()
    threading.Event().wait(0.5)
    is_held = not held.done()
    user.submit()

    assert is_held
    assert held.result(60)[0] == 200


def test_a_user_who_may_not_read_a_job_is_told_nothing(grid: Grid) -> None:
    """Neither that it is there nor its state; without a certificate nothing at all."""
    grid.resource()
    job_id = grid.user().submit()
    other = Browser(grid, "other@laptop", ("x",))

    begin = time.monotonic()
    statuses = [
        other.get(f"news/job/{number}?state={state}").status
        for number in (job_id, job_id + 1)
        for state in ("queued", "running", "")
    ]

    assert set(statuses) == {404}
    assert time.monotonic() - begin < SOON


USERS, PAGES_EACH = 10, 50


def cpu_seconds(server: int) -> float:
    """What a server and its workers have used so far."""
    workers = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    ticks = 0
    for pid in (str(server), *workers):
        ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def hold(grid: Grid, user: str, address: str) -> ssl.SSLSocket:
    """A connection on which an open page waits."""
    context = grid.people.credentials(grid.people.user(user, ("x",))).context()
    plain = socket.create_connection(("127.0.0.1", grid.port), timeout=60)
    connection = context.wrap_socket(plain, server_hostname="localhost")
    connection.sendall(f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection


def is_silent(connection: ssl.SSLSocket) -> bool:
    """Whether nothing was answered; the tickets of TLS are no answer."""
    connection.setblocking(False)
    try:
        return not connection.recv(1)
    except ssl.SSLWantReadError:
        return True


@pytest.mark.one_database
# One kind of database is enough: what waits asks it nothing.
@pytest.mark.slow
@pytest.mark.parametrize("database_address", ["sqlite"], indirect=True)
def test_500_open_pages_cost_nobody_anything(grid: Grid) -> None:
    """With lists and jobs of ten users others are answered as usual, and the server is almost idle.

    On a machine with other work some are held for all of their time before the last one is opened.
    """
    grid.resource()
    held: list[tuple[float, ssl.SSLSocket]] = []
    for number in range(USERS):
        name = f"user{number}@desk"
        job_id = grid.user(name, ("x",)).submit()
        pages = (f"news/job/{job_id}?state=queued", f"news/jobs?since={int(time.time()) + 60}")
        for page in pages:
            address = f"/LGI/basic_interface/LGI/{page}"
            held += [(time.monotonic(), hold(grid, name, address)) for _ in range(PAGES_EACH // 2)]
    browser = Browser(grid)
    browser.get("jobs")
    assert grid.process is not None

    before, begin = cpu_seconds(grid.process.pid), time.monotonic()
    pages_seen = [browser.get("jobs").answer.elapsed.total_seconds() for _ in range(10)]
    threading.Event().wait(2.0)
    used, seconds = cpu_seconds(grid.process.pid) - before, time.monotonic() - begin
    answered = [opened for opened, one in held if not is_silent(one)]
    ended = time.monotonic() - HELD
    for _opened, one in held:
        one.close()

    assert sorted(pages_seen)[1] < 0.2
    assert used / seconds < 0.5
    assert [opened for opened in answered if opened > ended] == []
    assert len(held) == USERS * PAGES_EACH
