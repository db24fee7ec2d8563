"""Concurrent calls: many daemons on one queue, many users on one lock."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from lgi_protocol.errors import ServerError
from lgi_protocol.resource_api import ResourceCalls
from tests.server.test_resource_calls import INVARIANT
from tests.support import queues
from tests.support.grid import Grid, UserCalls, running, wait_for
from tests.support.mariadb import PrivateMariaDB

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DAEMONS, JOBS = 16, 1600
PLACES, TOO_MANY = 64, 6
# Seconds of a call that waits for nothing, on a busy machine; one that waits takes 30.
AT_ONCE = 20.0
# How a call ended: the error number and its timeout (0, 0 for an answer), and after how many seconds.
Outcome = tuple[int, int, float]


def outcome(user: UserCalls, call: str, job_id: int) -> Outcome:
    """How a call on a locked job ends."""
    start = time.monotonic()
    number = timeout = 0
    try:
        user.post(call, job_id=str(job_id))
    except ServerError as error:
        number, timeout = error.number, error.timeout
    return number, timeout, time.monotonic() - start


def locked_job(grid: Grid) -> int:
    """A job in an empty project, locked by a resource that keeps it."""
    grid.clear()
    resource = grid.resource()
    job_id = grid.user().submit()
    resource.lock(str(job_id))
    return job_id


@pytest.fixture(scope="module")
def long_waits() -> Iterator[dict[str, Future[Outcome]]]:
    """Two calls that wait to the end, on a server of their own, while other tests go on."""
    made = Grid()
    try:
        made.start()
        job_id = locked_job(made)
        calls = ("interface_job_state", "interface_delete_job")
        with ThreadPoolExecutor(len(calls)) as beside:
            yield {call: beside.submit(outcome, made.user(), call, job_id) for call in calls}
        assert made.rows("SELECT job_id, state FROM job_queue") == [{"job_id": job_id, "state": "queued"}]
    finally:
        made.remove()


@pytest.fixture
def busy_grid(private_mariadb: PrivateMariaDB, long_waits: object) -> Iterator[Grid]:
    """A server on MariaDB with two workers, as it comes."""
    with running(Grid(private_mariadb.create_database("crowds"))) as made:
        yield made


def take_all(calls: ResourceCalls, offers: list[list[int]], one_by_one: bool) -> None:
    """Take jobs as a daemon does until there are none, freeing each by itself or all by signing off."""
    while jobs := calls.request_work("hello_world", 0, 10).jobs:
        offers.append([int(job.job_id) for job in jobs])
        for job in jobs:
            calls.update(job.job_id, state="running")
            if one_by_one:
                calls.unlock(job.job_id)
        if not one_by_one:
            calls.sign_off()
            calls.sign_up()
    calls.sign_off()


def test_16_daemons_take_1600_jobs_each_of_them_once(busy_grid: Grid) -> None:
    """None twice, none left over, each offer oldest first; both tables agree on the locks at every look."""
    numbers = queues.fill(busy_grid.database, JOBS)
    daemons = [busy_grid.resource(f"res{number}@cluster") for number in range(DAEMONS)]
    offers: list[list[int]] = []
    broken: list[object] = []
    looks = 0

    threads = [
        threading.Thread(target=take_all, args=(calls, offers, number % 2 == 0))
        for number, calls in enumerate(daemons)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        broken += busy_grid.rows(INVARIANT)
        looks += 1
        time.sleep(0.1)

    assert sorted(number for offer in offers for number in offer) == numbers
    assert [offer for offer in offers if offer != sorted(offer)] == []
    assert (broken, looks > 10) == ([], True)
    assert busy_grid.rows("SELECT job_id FROM job_queue WHERE state <> 'running' OR lock_state <> 0") == []
    assert busy_grid.rows("SELECT lock_id FROM running_locks") == []
    assert busy_grid.rows("SELECT session_id FROM running_sessions") == []
    assert "Traceback" not in busy_grid.log.read_text()


@pytest.fixture(params=["sqlite", "mariadb"])
def one_worker(request: pytest.FixtureRequest, long_waits: object) -> Iterator[Grid]:
    """A server that has one worker only."""
    address = "sqlite:LGI.sqlite"
    if request.param == "mariadb":
        server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
        address = server.create_database("waiting")
    with running(Grid(address, {"workers": "1"}), cleared=False) as made:
        yield made


def test_a_worker_lets_64_calls_wait_and_answers_others_as_ever(one_worker: Grid) -> None:
    """The next call gets error 1 immediately; submits, lists and offers are answered; in the end all are."""
    job_id = locked_job(one_worker)
    users = [one_worker.user() for _ in range(PLACES + TOO_MANY)]
    for user in users:
        # Handshakes take long on a busy machine, and the first call waits for half a minute only.
        user.post("interface_project_server_list")
    ended: list[Outcome] = []

    def wait(number: int) -> None:
        call = "interface_delete_job" if number % 2 else "interface_job_state"
        ended.append(outcome(users[number], call, job_id))

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(len(users))]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(ended) >= TOO_MANY)
    refused = list(ended)
    slowest = max(seconds_of_others(one_worker) for _ in range(10))
    still_waiting = len(users) - len(ended)
    one_worker.run("DELETE FROM running_locks")
    one_worker.run("UPDATE job_queue SET lock_state = 0")
    for thread in threads:
        thread.join(60)

    assert [(number, timeout) for number, timeout, _ in refused] == [(1, 10)] * TOO_MANY
    assert max(seconds for _, _, seconds in refused) < AT_ONCE
    assert still_waiting == PLACES
    assert slowest < AT_ONCE
    # The first delete wins; who comes later is told that there is no such job.
    told = Counter(number for number, _, _ in ended)
    assert set(told) <= {0, 1, 15}
    assert told[1] == TOO_MANY
    assert told[0] >= 1


def seconds_of_others(grid: Grid) -> float:
    """How long a user and a resource need for what they do all day."""
    resource, user = grid.resource("res2@cluster"), grid.user("frank@desk", ("chem",))
    start = time.monotonic()
    user.post("interface_job_state")
    submitted = user.submit()
    assert user.state(submitted) == "queued"
    assert [int(job.job_id) for job in resource.request_work("hello_world", 0, 1).jobs] == [submitted]
    resource.update(str(submitted), state="running")
    resource.sign_off()
    return time.monotonic() - start


@pytest.mark.parametrize("call", ["interface_job_state", "interface_delete_job"])
def test_a_call_that_has_waited_half_a_minute_is_told_to_come_back(
    long_waits: dict[str, Future[Outcome]], call: str
) -> None:
    """Error 1 with a timeout of 10 after 30 s, and nothing has changed."""
    number, timeout, seconds = long_waits[call].result(100)

    assert (number, timeout) == (1, 10)
    assert 29.0 < seconds < 59.0
