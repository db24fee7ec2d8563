"""A project on a Galera cluster, with a node for each project server."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import pytest

from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_server.db import open_database
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import claiming
from lgi_server.services.scheduling import accounting
from lgi_server.services.scheduling.periodic_tasks import PeriodicTask, Schedule
from lgi_server.tables import active_resources, event_queue, job_history
from lgi_server.tables.job_history import StateChange
from tests.conftest import lacking
from tests.server.test_concurrent_calls import take_all
from tests.server.test_exchange_races import TWICE
from tests.support import galera, queues
from tests.support.exchanges import ExchangingDaemon, work_off
from tests.support.galera import PrivateGalera
from tests.support.grid import Grid, UserCalls, refusal
from tests.support.siblings import Sibling

pytestmark = pytest.mark.slow

JOBS, DAEMONS, ROUNDS = 400, 6, 20
Result = TypeVar("Result")


@pytest.fixture(scope="module")
def cluster() -> Iterator[PrivateGalera]:
    """Three nodes."""
    if galera.missing():
        lacking(galera.missing())
    made = PrivateGalera()
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def servers(cluster: PrivateGalera) -> Iterator[list[Grid]]:
    """Three project servers, each with another node first."""
    cluster.create_database("LGI")
    first = Grid(cluster.address("LGI"))
    made: list[Grid] = [first]
    try:
        made += [Sibling(first, cluster.address("LGI", number)) for number in (1, 2)]
        for server in made:
            server.start()
        yield made
    finally:
        for server in made[1:]:
            server.stop()
        first.remove()


@pytest.fixture
def grids(servers: list[Grid], cluster: PrivateGalera) -> list[Grid]:
    """The three servers, the project empty, all nodes there."""
    assert [node.is_synced() for node in cluster.nodes] == [True] * 3
    servers[0].clear()
    return servers


def test_a_change_that_one_server_has_answered_is_known_to_every_other_one(grids: list[Grid]) -> None:
    """Session, lock, job and its end: each call is made at another server than the one before."""
    daemons = [grid.resource() for grid in grids]
    for round_ in range(10):
        calls = [daemons[(round_ + step) % 3] for step in range(3)]
        user = grids[(round_ + 1) % 3].user()
        calls[0].sign_up()
        calls[1].session_id = calls[2].session_id = calls[0].session_id
        job_id = user.submit()
        assert [int(job.job_id) for job in calls[1].request_work("hello_world", 0, 5).jobs] == [job_id]
        calls[2].update(str(job_id), state="running")
        assert calls[0].job_state(str(job_id)).state == "running"
        calls[0].update(str(job_id), state="finished", output=b"done")
        calls[1].unlock(str(job_id))
        calls[2].sign_off()
        assert user.state(job_id) == "finished"


def test_daemons_at_three_servers_take_each_job_once(grids: list[Grid]) -> None:
    """Nodes do not share row locks: the second transaction fails at its commit."""
    numbers = queues.fill(grids[0].database, JOBS)
    daemons = [grids[number % 3].resource(f"res{number}@cluster") for number in range(DAEMONS)]
    offers: list[list[int]] = []

    threads = [threading.Thread(target=patiently, args=(calls, offers)) for calls in daemons]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(110)

    assert sorted(number for offer in offers for number in offer) == numbers
    assert grids[1].rows("SELECT lock_id FROM running_locks") == []
    assert grids[2].rows("SELECT job_id FROM job_queue WHERE state <> 'running' OR lock_state <> 0") == []
    for grid in grids:
        assert "Traceback" not in grid.log.read_text()


def test_daemons_that_exchange_at_three_servers_run_each_job_once(grids: list[Grid]) -> None:
    """Each exchange is made at another node: who is beaten at its commit does it again, with other jobs."""
    numbers = queues.fill(grids[0].database, JOBS)
    names = [f"res{number}@cluster" for number in range(DAEMONS)]
    daemons = [[ExchangingDaemon(grid.resource(name)) for grid in grids] for name in names]
    done: Counter[str] = Counter()

    with ThreadPoolExecutor(DAEMONS) as threads:
        for one in [threads.submit(work_off, servers, done) for servers in daemons]:
            one.result(300)

    # A daemon ends when it is given nothing, also when the others hold all jobs that are left.
    work_off(daemons[0], done)
    assert sorted(map(int, done)) == numbers
    assert set(done.values()) == {1}
    assert grids[1].rows("SELECT job_id FROM job_queue WHERE state <> 'finished'") == []
    assert grids[2].rows(TWICE) == []
    for grid in grids:
        assert "Traceback" not in grid.log.read_text()


def patiently(calls: object, offers: list[list[int]]) -> None:
    """Take jobs until there are none, and repeat calls after error 1."""
    take_all(calls, offers, True)  # type: ignore[arg-type]


def at_once(calls: Sequence[Callable[[], Result]]) -> list[Result]:
    """What calls return that begin at one moment."""
    ready = threading.Barrier(len(calls))

    def begin(call: Callable[[], Result]) -> Result:
        ready.wait(30)
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return [one.result(60) for one in [threads.submit(begin, call) for call in calls]]


def test_the_last_place_under_a_limit_is_given_once_whichever_nodes_are_asked(grids: list[Grid]) -> None:
    """Each counts what its own node has: who comes second is beaten at the commit and counts again."""
    grids[0].resource()
    grids[0].run("UPDATE users_allowed SET job_limit = 3")
    users = [grid.user() for grid in grids[:2]]
    for round_ in range(ROUNDS):
        grids[0].run("DELETE FROM job_queue")
        grids[0].run("DELETE FROM job_access")
        users[round_ % 2].submit()
        users[round_ % 2].submit()

        answers = at_once([partial(refusal, user.submit) for user in users])

        assert sorted(answers) == [0, ErrorNumber.SUBMIT_REFUSED], round_
        assert len(grids[2].rows("SELECT job_id FROM job_queue")) == 3, round_


def test_the_last_licence_is_given_once_whichever_nodes_are_asked(
    grids: list[Grid], cluster: PrivateGalera
) -> None:
    """As the last place under a limit, for two resources that are each offered a job."""
    names = ["res1@cluster", "res2@cluster"]
    calls = [grid.resource(name) for grid, name in zip(grids, names, strict=False)]
    numbers = queues.fill(grids[0].database, 2, *names)
    grids[0].run("UPDATE job_queue SET licences = 'abaqus=1'")
    nodes = [open_database(cluster.address("LGI", number)) for number in range(2)]
    request, possible = (
        claiming.WorkRequest("hello_world", 0, 10, ()),
        claiming.GrantableLicences({"abaqus": 1}, {"abaqus=1": 1}),
    )

    def ask(number: int) -> list[int]:
        def claim(transaction: Transaction) -> list[int]:
            resource = active_resources.named(transaction, names[number])
            assert resource is not None
            session_id = calls[number].session_id
            offered = claiming.claim(transaction, resource, int(session_id), request, possible, now=1000)
            return [job.job_id for job in offered]

        return nodes[number].run(claim)

    for round_ in range(ROUNDS):
        answers = at_once([partial(ask, number) for number in range(2)])
        assert sorted(map(len, answers)) == [0, 1], round_
        assert {number for answer in answers for number in answer} < set(numbers)
        for one in calls:
            one.sign_off()
            one.sign_up()
    for node in nodes:
        node.close()


def test_schedulers_at_three_nodes_do_each_event_once_and_count_each_run_once(
    grids: list[Grid], cluster: PrivateGalera
) -> None:
    """The second one fails at its commit, and then finds the event removed and the run counted."""
    names = [f"event{number:02d}" for number in range(40)]
    done: list[str] = []
    duties = {name: PeriodicTask(10**9, lambda _now, name=name: done.append(name)) for name in names}
    told = ("resource res1@cluster", "", "vasp", ("mark", "theor"), ("res1@cluster",))

    def store(transaction: Transaction) -> None:
        for number, name in enumerate(names):
            event_queue.insert(transaction, name, 1000)
            for when, old, new in ((1000, "queued", "running"), (1010, "running", "finished")):
                change = StateChange(number, when, old, new, *told)
                job_history.record(transaction, change, change)

    grids[0].database.run(store)
    nodes = [open_database(cluster.address("LGI", number)) for number in range(3)]
    with ThreadPoolExecutor(6) as schedulers:
        work = [schedulers.submit(Schedule(node, duties).run_due, 2000) for node in nodes]
        work += [schedulers.submit(accounting.account, node, 1000) for node in nodes]
        for one in work:
            one.result(60)
    for node in nodes:
        node.close()

    assert sorted(done) == names
    used = grids[1].rows("SELECT jobs, seconds FROM job_usage WHERE kind = 'user'")
    assert used == [{"jobs": 40, "seconds": 400}]
    assert grids[2].rows("SELECT job_id FROM job_runs") == []


def test_a_node_that_is_killed_takes_nothing_along_that_was_answered(
    grids: list[Grid], cluster: PrivateGalera
) -> None:
    """Its server continues with the next node; every acknowledged submit is stored; the node returns."""
    grids[0].resource()
    answered: list[int] = []
    refused: list[int] = []
    stop = threading.Event()

    def submit(user: UserCalls) -> None:
        while not stop.is_set():
            try:
                answered.append(user.submit())
            except ServerError as error:
                refused.append(error.number)
            except TransportError:
                refused.append(-1)

    threads = [threading.Thread(target=submit, args=(grid.user(),)) for grid in grids]
    for thread in threads:
        thread.start()
    time.sleep(1.0)
    before = len(answered)
    cluster.nodes[2].kill()
    time.sleep(8.0)
    stop.set()
    for thread in threads:
        thread.join(60)
    after = grids[2].user().submit()
    cluster.nodes[2].start()

    stored = [int(str(row["job_id"])) for row in grids[0].rows("SELECT job_id FROM job_queue")]
    assert len(answered) > before > 0
    assert set(answered) | {after} <= set(stored)
    assert len(answered) == len(set(answered))
    assert set(refused) <= {int(ErrorNumber.BACK_OFF), int(ErrorNumber.DATABASE)}
