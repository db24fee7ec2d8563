"""Resources that wait for something to do (`wait` of request_work, and resource_wait)."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.reply import Reply
from lgi_protocol.resource_api import ResourceCalls
from lgi_server.background.long_poll_work import LEAVE_SECONDS, MOST_EACH, WorkLongPolls
from lgi_server.background.waiting_resources import WaitingResources, WaitingRows
from lgi_server.background.work_subscription import ExchangeSubscription, WorkSubscription
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables import job_access
from lgi_server.tables.job_queue import jobs, pending_work
from lgi_server.tables.job_queue.pending_work import PendingJob
from lgi_tools.certificates.ca import read_certificate
from tests.support import certificates
from tests.support.grid import Grid, refusal, wait_for
from tests.support.queues import queued_job

pytestmark = [pytest.mark.slow, pytest.mark.long]

NAME = "res1@cluster"
HELLO = "hello_world"
# Seconds of a wait that ends before, and less than that, also on a machine that has much else to do.
LONG, PROMPT = 50, 30.0


def ask(resource: ResourceCalls, seconds: int = LONG, known: str = "", applications: str = HELLO) -> Reply:
    """A call that waits, of a resource."""
    fields = {"project": "LGI", "applications": applications, "queued": known, "wait": str(seconds)}
    return resource.client.post("resources/resource_wait", fields)


def work(resource: ResourceCalls, seconds: int) -> Reply:
    """A request for work that waits."""
    session = {"project": "LGI", "session_id": resource.session_id}
    wanted = {"application": HELLO, "start": "0", "limit": "5", "owners": "", "wait": str(seconds)}
    return resource.client.post("resources/resource_request_work", session | wanted)


def while_waiting(call: Callable[[], Reply], act: Callable[[], object]) -> tuple[Reply, float]:
    """The answer of a call that waits, and how many seconds after ``act`` it came."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(call)
        time.sleep(0.5)
        assert not answer.done()
        began = time.monotonic()
        act()
        return answer.result(60), time.monotonic() - began


def test_sign_up_says_how_long_a_resource_may_wait(grid: Grid) -> None:
    """An old daemon reads over the tag; a new one knows that it need not poll."""
    resource = grid.resource(NAME)

    reply = resource.client.post("resources/resource_signup_resource", {"project": "LGI"})

    assert reply.value("longest_wait") == "60"
    assert resource.sign_up().longest_wait == 60


def test_a_request_for_work_is_answered_as_soon_as_there_is_some(grid: Grid) -> None:
    """The job comes locked, as always, within a second of its submit."""
    resource, user = grid.resource(NAME), grid.user()

    reply, seconds = while_waiting(lambda: work(resource, LONG), user.submit)

    assert reply.number("number_of_jobs") == 1
    assert seconds < PROMPT
    assert len(grid.rows("SELECT job_id FROM running_locks")) == 1


def test_a_wait_ends_when_its_time_is_over(grid: Grid) -> None:
    """The answer is the usual one without work."""
    resource = grid.resource(NAME)
    began = time.monotonic()

    reply = work(resource, 1)

    assert reply.number("number_of_jobs") == 0
    assert 0.9 < time.monotonic() - began < PROMPT


def test_a_request_without_wait_is_answered_at_once(grid: Grid) -> None:
    """Nothing changes for those who do not ask for it."""
    resource = grid.resource(NAME)
    began = time.monotonic()

    assert resource.request_work(HELLO, 0, 5).jobs == ()
    assert time.monotonic() - began < PROMPT


def test_a_resource_is_told_of_jobs_it_could_take_and_none_is_locked(grid: Grid) -> None:
    """resource_wait needs no session; jobs of others and of other applications do not count."""
    resource, user = grid.resource(NAME), grid.user()
    grid.resource("other@cluster")
    job: list[int] = []

    def act() -> None:
        user.submit(target_resources="other@cluster")
        job.append(user.submit(target_resources=NAME))

    reply, seconds = while_waiting(lambda: ask(resource), act)

    assert reply.value("job", "job_id") == str(job[0])
    assert reply.number("number_of_jobs") == 1
    assert seconds < PROMPT
    assert grid.rows("SELECT job_id FROM running_locks") == []


def test_a_job_that_is_known_is_no_news(grid: Grid) -> None:
    """A job that the resource has seen and not taken does not end its next wait; another one does."""
    resource, user = grid.resource(NAME), grid.user()
    known = user.submit()

    assert ask(resource, 1, str(known)).number("number_of_jobs") == 0
    assert ask(resource, 1).number("number_of_jobs") == 1
    reply, _ = while_waiting(lambda: ask(resource, LONG, str(known)), user.submit)
    assert reply.number("number_of_jobs") == 1


def test_an_abort_is_told_to_the_resource_that_has_the_job(grid: Grid) -> None:
    """It gets the job within about a second of the delete; other resources do not."""
    resource, user = grid.resource(NAME), grid.user()
    other = grid.resource("other@cluster")
    job = user.submit()
    resource.lock(str(job))
    resource.update(str(job), state="running", target_resources=NAME)
    resource.unlock(str(job))

    # That it knew the job when it was queued does not matter.
    reply, seconds = while_waiting(lambda: ask(resource, LONG, str(job)), lambda: user.delete(job))

    told = resource.poll_work([HELLO], (), LONG)
    assert [one.job_id for one in told] == [str(job)]
    assert resource.poll_work([HELLO], told, 1) == ()
    assert reply.value("job", "state") == "aborting"
    assert reply.value("job", "job_id") == str(job)
    assert seconds < PROMPT
    assert ask(other, 1).number("number_of_jobs") == 0


def test_a_daemon_that_has_gone_while_waiting_is_given_nothing(grid: Grid) -> None:
    """A job locked for a daemon that has died would stay locked for half an hour."""
    resource, user = grid.resource(NAME), grid.user()
    body = f"project=LGI&session_id={resource.session_id}&application={HELLO}&limit=5&wait=20".encode()
    head = f"POST /LGI/resources/resource_request_work HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    kind = "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    context = grid.people.credentials(grid.people.resource(NAME)).context()
    with (
        socket.create_connection(("127.0.0.1", grid.port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall((head + kind).encode() + body)
        time.sleep(0.7)

    user.submit()
    time.sleep(1.5)

    assert grid.rows("SELECT job_id FROM running_locks") == []


@pytest.mark.parametrize(("field", "number"), [("queued", 19), ("aborting", 19), ("applications", 18)])
def test_a_list_that_cannot_be_read_is_refused(grid: Grid, field: str, number: int) -> None:
    """A list of jobs is numbers; applications are compulsory."""
    resource = grid.resource(NAME)
    values = {"project": "LGI", "applications": HELLO} | (
        {field: ""} if field == "applications" else {field: "1, two"}
    )

    assert refusal(lambda: resource.client.post("resources/resource_wait", values)) == number


def test_a_server_that_ends_lets_everybody_go(grid: Grid) -> None:
    """Stopping a server does not take as long as its resources would have waited."""
    resource = grid.resource(NAME)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lambda: ask(resource))
        time.sleep(0.7)
        began = time.monotonic()
        grid.stop()
        assert answer.result(60).number("number_of_jobs") == 0
        assert time.monotonic() - began < PROMPT
    grid.start()


def test_a_revoked_certificate_is_given_nothing_that_it_waited_for() -> None:
    """A held call passes the door again before it is answered."""
    grid = Grid(settings={"workers": "1"})
    try:
        grid.start()
        resource, user = grid.resource(NAME), grid.user()
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(lambda: refusal(lambda: work(resource, LONG)))
            time.sleep(0.5)
            serial = read_certificate(grid.people.resource(NAME).certificate).serial_number
            certificates.revoke(grid.people.authority, serial)
            wait_for(lambda: refusal(lambda: resource.job_state("1")) == ErrorNumber.CERTIFICATE, 30)
            user.submit()
            assert answer.result(60) == ErrorNumber.CERTIFICATE
        assert grid.rows("SELECT job_id FROM running_locks") == []
    finally:
        grid.remove()


def test_a_wait_for_too_many_applications_is_refused(grid: Grid) -> None:
    """So many cannot be queried ten times a second."""
    resource = grid.resource(NAME)
    few, many = (", ".join(f"a{number}" for number in range(count)) for count in (64, 65))

    assert refusal(lambda: ask(resource, 1, applications=few)) == 0
    assert refusal(lambda: ask(resource, 1, applications=many)) == ErrorNumber.APPLICATION_TOO_BIG
    assert refusal(lambda: ask(resource, 1, applications="a'; b")) == ErrorNumber.APPLICATION


@pytest.mark.parametrize("targets", [(NAME,), (NAME, "res3@cluster")], ids=["one", "several"])
@pytest.mark.parametrize("state", ["queued", "aborting"])
def test_newer_jobs_for_others_hide_no_job(database: Database, targets: tuple[str, ...], state: str) -> None:
    """Any number of later jobs for another resource, to take or to abort, makes no difference."""

    def store(transaction: Transaction) -> int:
        own = replace(queued_job(0), target_resources=targets, state=state)
        (job_id,) = jobs.insert_all(transaction, [own]).values()
        others = [replace(queued_job(n), target_resources=theirs, state=state) for n in range(1, 300)]
        numbers = jobs.insert_all(transaction, others)
        made = [replace(job, job_id=numbers[job.repository]) for job in others]
        job_access.insert_all(transaction, [replace(own, job_id=job_id), *made])
        return job_id

    theirs = ("res2@cluster", "res4@cluster")[: len(targets)]
    job_id = database.run(store)

    found = database.run(lambda one: pending_work.find_pending(one, [HELLO], [NAME]), write=False)

    assert [job.job_id for job in found] == [job_id]


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def waiting(clock: Clock, *subscriptions: WorkSubscription) -> tuple[WorkLongPolls, list[int]]:
    """Waiters that look for themselves at nothing, and the numbers of those that were woken so far."""
    made = WorkLongPolls(_NoDatabase(), clock)  # type: ignore[arg-type]
    woken: list[int] = []
    for number, subscription in enumerate(subscriptions):
        threading.Thread(
            target=lambda number=number, subscription=subscription: (
                made.wait(subscription, 100) and woken.append(number)
            ),
            daemon=True,
        ).start()
        wait_for(lambda number=number: len(made) == number + 1)
    return made, woken


class _Nothing(Database):
    def __init__(self) -> None:
        """A database without jobs."""

    def run(self, work: object, write: bool = True) -> list[PendingJob]:  # type: ignore[override]
        """None of them."""
        return []


class _NoDatabase(Database):
    def __init__(self) -> None:
        """Nothing is looked up in a test of the rule."""

    def run(self, work: object, write: bool = True) -> list[PendingJob]:  # type: ignore[override]
        """Nothing is there; told by hand."""
        time.sleep(100)
        return []


def test_one_job_wakes_one_waiter_then_two_then_four() -> None:
    """A thousand resources do not run for one job; the one that has waited longest goes first."""
    clock = Clock()
    made, woken = waiting(clock, *(WorkSubscription(f"r{number}", frozenset({HELLO})) for number in range(8)))
    job = PendingJob(1, "queued", HELLO, ("any",))

    made.notify([job])
    wait_for(lambda: woken == [0])
    made.notify([job])
    assert woken == [0]
    clock.now += 1
    made.notify([job])
    wait_for(lambda: sorted(woken) == [0, 1, 2])
    clock.now += 2
    made.notify([job])
    wait_for(lambda: sorted(woken) == [0, 1, 2, 3, 4, 5, 6])
    made.end()


def test_the_least_loaded_hears_of_a_job_first() -> None:
    """Among resources with equal load the one that has waited longest is notified."""
    clock = Clock()
    loads = (50, 10, 0, 0, 90)
    made, woken = waiting(
        clock, *(WorkSubscription(f"r{n}", frozenset({HELLO}), load=load) for n, load in enumerate(loads))
    )

    for number in range(1, 6):
        made.notify([PendingJob(number, "queued", HELLO, ("any",))])
        wait_for(lambda number=number: len(woken) == number)

    assert woken == [2, 3, 1, 0, 4]
    made.end()


def shares(made: WorkLongPolls, *subscriptions: WorkSubscription) -> list[int | None]:
    """What each of the waiting calls is to take at most, filled when they are woken."""
    found: list[int | None] = [None] * len(subscriptions)

    def wait(number: int, subscription: WorkSubscription) -> None:
        wake = made.wait(subscription, 60)
        found[number] = wake.most if wake else None

    for number, subscription in enumerate(subscriptions):
        threading.Thread(target=wait, args=(number, subscription), daemon=True).start()
        wait_for(lambda number=number: len(made) == number + 1)
    return found


def test_resources_that_wait_share_the_jobs_that_come_together() -> None:
    """Each takes as many of six, rounded up; one that takes other jobs only has no part."""
    made = WorkLongPolls(_NoDatabase(), Clock())  # type: ignore[arg-type]
    other = WorkSubscription("r9", frozenset({"other"}))
    found = shares(made, *(WorkSubscription(f"r{n}", frozenset({HELLO})) for n in range(2)), other)

    made.notify([PendingJob(number, "queued", HELLO, ("any",)) for number in range(1, 7)])

    wait_for(lambda: found == [3, 3, None])
    made.end()


def test_many_waiting_calls_of_a_resource_count_as_one() -> None:
    """However idle they claim to be, one is woken before the calls of others, which get their shares."""
    greedy = [WorkSubscription("greedy", frozenset({HELLO})) for _ in range(5)]
    honest = WorkSubscription("honest", frozenset({HELLO}), load=10)
    rows = WaitingRows(2)
    here, there = (WaitingResources[WorkSubscription](rows) for _ in range(2))
    here.slot, there.slot = 0, 1
    made = WorkLongPolls(_NoDatabase(), Clock(), resources=here)  # type: ignore[arg-type]
    found = shares(made, *greedy, honest)
    asking = there.elsewhere().number

    made.notify([PendingJob(number, "queued", HELLO, ("any",)) for number in (1, 2)])

    wait_for(lambda: found == [1, None, None, None, None, 1])
    assert asking == 2
    made.end()


def test_a_job_that_a_woken_resource_does_not_take_goes_to_another_at_once() -> None:
    """Not to a second call of the same, and the one that has come back is not woken before its time."""
    clock = Clock()
    idle = [WorkSubscription("idle", frozenset({HELLO})) for _ in range(2)]
    made, woken = waiting(clock, *idle, WorkSubscription("busy", frozenset({HELLO}), load=90))
    job = PendingJob(1, "queued", HELLO, ("any",))

    made.notify([job])
    wait_for(lambda: woken == [0])
    threading.Thread(target=made.wait, args=(idle[0], 100), daemon=True).start()
    wait_for(lambda: len(made) == 3)
    made.notify([job])
    wait_for(lambda: woken == [0, 2])
    made.notify([job])

    assert len(made) == 2
    made.end()


def test_a_resource_leaves_a_job_to_a_less_loaded_one_of_another_worker() -> None:
    """A moment later it is woken all the same: the other one may wait for other jobs."""
    clock, rows = Clock(), WaitingRows(2)
    here, there = (WaitingResources[WorkSubscription](rows) for _ in range(2))
    here.slot, there.slot = 0, 1
    made = WorkLongPolls(_NoDatabase(), clock, resources=here)  # type: ignore[arg-type]
    found = shares(made, WorkSubscription("r0", frozenset({HELLO}), load=50))
    idle = WorkSubscription("r1", frozenset({HELLO}), load=10)
    jobs = [PendingJob(number, "queued", HELLO, ("any",)) for number in range(1, 7)]
    there.ask(idle, idle.load)

    made.notify(jobs)
    is_left = len(made) == 1
    clock.now += LEAVE_SECONDS
    made.notify(jobs)

    wait_for(lambda: found == [3])
    assert is_left
    made.end()


def test_a_call_that_did_not_wait_leaves_those_that_were_woken_their_shares() -> None:
    """It takes one job at a time until they are answered, in this worker and in others."""
    rows = WaitingRows(3)
    here, there = (WaitingResources[WorkSubscription](rows) for _ in range(2))
    here.slot, there.slot = 0, 2
    made = WorkLongPolls(_NoDatabase(), Clock(), resources=here)  # type: ignore[arg-type]
    one, other = (WorkSubscription(name, frozenset({HELLO})) for name in ("one", "other"))

    def share() -> int | None:
        return made.share_beside_others("busy")

    found = [share()]
    for resources, caller in ((here, one), (there, other)):
        resources.ask(caller, caller.load)
        found.append(share())
        resources.woke(caller)
        found.append(share())
        resources.answered(caller)
        found.append(share())

    assert found == [None, None, 1, None, None, 1, None]
    here.ask(one, one.load)
    here.woke(one)
    assert made.share_beside_others("one") is None
    there.ask(other, 0)
    here.free(2)
    assert here.elsewhere().number == 0


def test_an_invalid_load_counts_as_empty(grid: Grid) -> None:
    """Existing daemons may send one, so it is not refused."""
    resource = grid.resource(NAME)
    grid.user().submit()

    found = resource.client.post(
        "resources/resource_wait", {"project": "LGI", "applications": HELLO, "load": "much"}
    )

    assert found.number("number_of_jobs") == 1


def test_one_resource_has_a_bounded_number_of_waiters() -> None:
    """The next call gets error 1; calls of other resources may still wait."""
    made, _ = waiting(Clock(), *(WorkSubscription("r", frozenset({HELLO})) for _ in range(MOST_EACH)))

    with pytest.raises(LGIError) as refused:
        made.wait(WorkSubscription("r", frozenset({HELLO})), 1)
    assert refused.value.number == ErrorNumber.BACK_OFF
    assert not made.wait(WorkSubscription("other", frozenset({HELLO})), 0.01)
    made.end()


def test_a_resource_that_hangs_up_is_let_go() -> None:
    """Long before its time is over: it would keep its connection and its memory."""
    made = WorkLongPolls(_Nothing())  # type: ignore[arg-type]
    began = time.monotonic()

    assert made.wait(WorkSubscription("r", frozenset({HELLO})), LONG, lambda: time.monotonic() > began + 0.5)

    assert time.monotonic() - began < PROMPT
    assert len(made) == 0


@pytest.mark.parametrize("missing", [frozenset(), frozenset({HELLO})], ids=["full", "with room"])
def test_queued_jobs_are_searched_for_daemons_with_room_alone(missing: frozenset[str]) -> None:
    """A thousand full daemons wait for aborts: that must not cost a search for each of them."""
    # given
    statements: list[str] = []

    class Recorder:
        def rows(self, sql: str, *_parameters: object) -> list[object]:
            statements.append(sql)
            return []

    database = _Nothing()
    database.run = lambda work, write=True: work(Recorder())  # type: ignore[method-assign, assignment, arg-type]
    made = WorkLongPolls(database)
    daemon = ExchangeSubscription("r", frozenset({HELLO}), missing=missing, held=frozenset({7}))

    # when
    made.wait(daemon, LONG, lambda: bool(statements))
    made.end()

    # then
    assert "state = 'aborting'" in statements[0]
    assert any("queued_for" in one for one in statements) is bool(missing)


def test_a_connection_that_cannot_be_examined_keeps_nobody_waiting() -> None:
    """The wait of that connection ends; the others are notified of jobs as before."""
    there: list[PendingJob] = []
    database = _Nothing()
    database.run = lambda work, write=True: list(there)  # type: ignore[method-assign, assignment]
    made = WorkLongPolls(database)
    other, broken = (
        WorkSubscription("other", frozenset({HELLO})),
        WorkSubscription("broken", frozenset({HELLO})),
    )

    def has_gone() -> bool:
        raise OSError("bad file descriptor")

    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(made.wait, other, LONG)
        wait_for(lambda: len(made) == 1)
        assert made.wait(broken, LONG, has_gone)
        there.append(PendingJob(1, "queued", HELLO, ("other",)))
        began = time.monotonic()
        assert waits.result(60)

    assert time.monotonic() - began < PROMPT
    made.end()


def test_a_job_that_went_and_came_back_is_news() -> None:
    """It was offered, not taken and unlocked: the next waiting resource is notified immediately."""
    clock = Clock()
    made, woken = waiting(clock, *(WorkSubscription(f"r{number}", frozenset({HELLO})) for number in range(2)))
    job = PendingJob(1, "queued", HELLO, ("any",))

    made.notify([job])
    wait_for(lambda: woken == [0])
    made.notify([])
    made.notify([job])

    wait_for(lambda: woken == [0, 1])
    made.end()
