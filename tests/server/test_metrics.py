"""The metrics of a server, and who may read them."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from lgi_protocol.client import Client
from tests.support.grid import BIN, Grid, running, wait_for

Labels = dict[str, str]


def page(grid: Grid, client: Client | None = None) -> requests.Response:
    """Return the page, requested with or without a certificate."""
    session = client.session if client else requests.Session()
    session.trust_env = False
    session.verify = str(grid.people.authority.ca_file)
    return session.get(f"{grid.url}/metrics", timeout=60)


def awaited(grid: Grid, is_there: Callable[[str], bool]) -> str:
    """The metrics once something is in them: each worker remembers for seconds what was in the database."""
    texts: list[str] = []

    def look() -> bool:
        texts.append(page(grid, admin(grid)).text)
        return is_there(texts[-1])

    wait_for(look, 60)
    return texts[-1]


def admin(grid: Grid, projects: tuple[str, ...] | None = None) -> Client:
    """An administrator."""
    return grid.client(grid.people.user("root@desk", ("admin",), projects))


def value(text: str, name: str, **labels: str) -> float:
    """The sum of a metric's samples that have these labels."""
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


def test_a_server_that_starts_removes_the_counters_of_one_that_was_killed(tmp_path: Path) -> None:
    """The directory of a server that runs stays, whichever process of it is left."""
    code = (
        "import sys, pathlib; from lgi_server.background import metrics\n"
        "metrics.share(pathlib.Path(sys.argv[1])); print(flush=True); sys.stdin.read()\n"
    )

    def start() -> "subprocess.Popen[bytes]":
        words = [sys.executable, "-c", code, tmp_path]
        started = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert started.stdout is not None
        started.stdout.readline()
        return started

    with start() as running_one, start() as killed:
        killed.kill()
        killed.wait(10)
        with start() as last:
            kept = {path.name.split("-")[1] for path in tmp_path.iterdir()}
            last.kill()
        running_one.kill()

    assert kept == {str(running_one.pid), str(last.pid)}


def test_calls_jobs_and_claims_are_counted_over_all_workers(grid: Grid) -> None:
    """Calls are counted by error number and time, jobs by state, resources by their last call."""
    before = page(grid, admin(grid)).text
    calls, user = grid.resource(), grid.user()
    for _ in range(6):
        user.submit()
    assert user.refusal("interface_submit_job", application="nobody has it") != 0
    offered = calls.request_work("hello_world", 0, 4).jobs
    calls.update(offered[0].job_id, state="running")

    after = awaited(grid, lambda text: value(text, "lgi_jobs", state="running") == 1)

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert grown("lgi_calls_total", call="interface_submit_job", error="0") == 6
    assert grown("lgi_calls_total", call="interface_submit_job") == 7
    assert grown("lgi_call_seconds_count", call="resource_request_work") == 1
    assert grown("lgi_jobs_offered_total", project="LGI", application="hello_world") == 4
    assert grown("lgi_database_seconds_total", project="LGI") > 0
    assert value(after, "lgi_jobs", application="hello_world", state="queued") == 5
    assert value(after, "lgi_resources_seen", within="minute") == 1
    assert value(after, "lgi_locks") == 4
    assert value(after, "lgi_database_up", project="LGI") == 1


@pytest.mark.slow
def test_calls_that_are_held_are_counted_while_they_wait_and_not_in_the_times(grid: Grid) -> None:
    """A call that waited until there was a job has taken the time of its work only."""
    calls = grid.resource()
    before = page(grid, admin(grid)).text
    waiting = threading.Thread(target=calls.poll_work, args=(["hello_world"], [], 50))
    waiting.start()

    awaited(grid, lambda text: value(text, "lgi_held_requests") == 1)
    began = time.monotonic()
    time.sleep(2)
    grid.user().submit()
    waiting.join()
    held = time.monotonic() - began
    after = awaited(grid, lambda text: value(text, "lgi_held_requests") == 0)

    took = [value(text, "lgi_call_seconds_sum", call="resource_wait") for text in (before, after)]
    assert took[1] - took[0] < held / 2


def test_only_administrators_and_the_server_itself_see_the_metrics(grid: Grid) -> None:
    """No user, resource, administrator of one project only, or client without a certificate may."""
    grid.resource()
    refused = [
        page(grid),
        page(grid, grid.user().client),
        page(grid, grid.client(grid.people.resource("res1@cluster"))),
        page(grid, admin(grid, ("elsewhere",))),
    ]

    assert [answer.status_code for answer in refused] == [403] * 4
    assert all("lgi_" not in answer.text for answer in refused)
    assert page(grid, admin(grid, ("LGI",))).status_code == 200


@pytest.fixture(scope="module")
def open_here() -> Iterator[Grid]:
    """A server whose metrics are open to all programs of its machine."""
    with running(Grid(settings={"local_metrics": "true"})) as made:
        yield made


def test_programs_of_this_machine_see_the_metrics_where_that_is_configured(open_here: Grid) -> None:
    """One line of the configuration; Prometheus needs no certificate then."""
    answer = page(open_here)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def status(grid: Grid) -> subprocess.CompletedProcess[str]:
    """What LGI_server status says."""
    return subprocess.run(
        [BIN / "LGI_server", "status", grid.config_file], capture_output=True, text=True, check=False
    )


def told(grid: Grid, pattern: str) -> str:
    """What LGI_server status says once something is in it: it is answered by any worker."""
    said: list[str] = []

    def look() -> bool:
        said.append(status(grid).stdout)
        return re.search(pattern, said[-1]) is not None

    wait_for(look, 60)
    return said[-1]


@pytest.mark.slow
def test_the_status_command_reads_the_metrics_with_the_servers_own_certificate(grid: Grid) -> None:
    """Queue, resources and calls in words."""
    grid.resource()
    grid.user().submit()

    words = told(grid, "queued         1")

    assert "project LGI: 0 locks, 1 sessions; resources seen: 1 within a minute" in words
    assert "interface_submit_job" in words


@pytest.mark.slow
def test_the_status_command_lists_who_has_jobs_locked(grid: Grid) -> None:
    """A daemon that was killed is seen by the age of its locks."""
    user = grid.user()
    resource = grid.resource("res1@cluster")
    for _ in range(3):
        resource.lock(str(user.submit()))
    grid.run("UPDATE running_locks SET lock_time = lock_time - 600")

    told(grid, r"3 jobs locked by res1@cluster, the oldest for 6\d\d ")


@pytest.mark.slow
def test_the_status_command_says_that_a_server_is_down() -> None:
    """One sentence, and exit code 1."""
    down = Grid()
    try:
        said = status(down)
    finally:
        down.remove()

    assert said.returncode == 1
    assert said.stderr.startswith(f"LGI_server: {down.url}/metrics does not answer")
    assert "Traceback" not in said.stderr
