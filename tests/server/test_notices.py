"""Waiting calls hear of changes from the worker that has made them; queries of the database find the rest."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from lgi_protocol.states import DELETED
from lgi_server.background import long_poll
from lgi_server.background.long_poll import LongPollHub
from lgi_server.background.long_poll_users import KnownJobState, UserLongPolls
from lgi_server.background.long_poll_work import WorkLongPolls
from lgi_server.background.notices import MOST_NOTICES, JobNotice, Notices
from lgi_server.background.work_subscription import ExchangeSubscription, WorkSubscription
from lgi_server.db import open_database
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.serving.worker_channels import WorkerChannels
from tests.support.grid import Grid, running, wait_for
from tests.support.queues import fill, queued_job

HELLO = "hello_world"
# A server whose waiting calls are answered only when somebody tells them of a change.
PATIENT = """
from gevent import monkey
monkey.patch_all()
from lgi_server.background import long_poll
long_poll.QUERY_SECONDS = long_poll.LONGEST_PAUSE = 600.0
from lgi_server.cli.server import main
main()
"""


class PatientGrid(Grid):
    """A server with two workers that does not look for changes by itself."""

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-c", PATIENT, "--without-scheduler", str(self.config_file)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        wait_for(self.listens, 60)


def switches_of_this_thread() -> int:
    """Return how often this thread has waited for something."""
    status = Path("/proc/thread-self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))


@pytest.fixture
def patient() -> Iterator[Grid]:
    """Such a server, on SQLite."""
    with running(PatientGrid(settings={"workers": "2"})) as made:
        yield made


@pytest.fixture
def seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting calls are not served by queries: the second one comes after ten minutes."""
    monkeypatch.setattr(long_poll, "QUERY_SECONDS", 600.0)
    monkeypatch.setattr(long_poll, "LONGEST_PAUSE", 600.0)


@contextmanager
def waiting(wait: Callable[[], bool], is_waiting: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """Wait in a thread during a block; give what the wait returns."""
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(wait)
        wait_for(is_waiting)
        yield lambda: found.result(90)


@pytest.mark.slow
def test_every_worker_tells_all_workers_what_has_changed(patient: Grid) -> None:
    """Users who wait at any worker hear of the end of a job at once, and resources of a new job."""
    user, resource = patient.user(), patient.resource()
    job_id = user.submit()
    # More connections than one worker gets.
    with ThreadPoolExecutor(6) as pool:
        users = [
            pool.submit(patient.user().post, "interface_job_state", job_id=str(job_id), wait="50")
            for _ in range(6)
        ]
        time.sleep(1.0)
        resource.lock(str(job_id))
        resource.update(str(job_id), state="running")
        resource.update(str(job_id), state="finished")
        resource.unlock(str(job_id))
        assert [answer.result(45).value("job", "state") for answer in users] == ["finished"] * 6

    fields = {"project": "LGI", "applications": HELLO, "queued": "", "wait": "50"}
    for _round in range(4):
        with ThreadPoolExecutor(1) as pool:
            client = patient.client(patient.people.resource("res1@cluster"))
            work = pool.submit(client.post, "resources/resource_wait", fields)
            time.sleep(1.0)
            new = patient.user().submit()
            reply = work.result(45)
            assert f"<job_id> {new} </job_id>" in reply.content
            fields["queued"] = f"{fields['queued']}, {new}".strip(", ")


@pytest.mark.usefixtures("seldom")
@pytest.mark.parametrize("state", ["finished", DELETED])
def test_a_user_is_woken_by_the_notice_of_an_end(database: Database, state: str) -> None:
    """No query of the database has to find it; the notice of another job wakes nobody."""
    polls = UserLongPolls(database)
    job_id = fill(database, 1)[0]
    wait = KnownJobState("mark", job_id)

    with waiting(lambda: polls.wait(wait, 60, lambda: False), lambda: len(polls)) as woken:
        polls.changed([JobNotice(job_id + 1, "finished", HELLO), JobNotice(job_id, "running", HELLO)])
        assert len(polls) == 1
        polls.changed([JobNotice(job_id, state, HELLO)])
        assert woken()
    polls.end()


@pytest.mark.usefixtures("seldom")
def test_a_resource_is_woken_by_the_notice_of_a_new_job(database: Database) -> None:
    """The notice makes the query due that is always made, so that its rules decide who is woken."""
    polls = WorkLongPolls(database)
    wait = WorkSubscription("res1", frozenset({HELLO}))

    with waiting(lambda: polls.wait(wait, 60), lambda: len(polls)) as woken:
        job_id = fill(database, 1)[0]
        polls.changed([JobNotice(job_id, "queued", HELLO)])
        assert woken()
    polls.end()


class BusySubscription(WorkSubscription):
    """One that is not to be asked."""

    def concerns(self, notice: JobNotice) -> bool:
        """Fail: a thousand of these would take longer than the call that sends the notice."""
        raise AssertionError(notice)


@pytest.mark.usefixtures("seldom")
def test_a_notice_of_a_start_or_end_is_compared_with_no_waiting_resource(database: Database) -> None:
    """None waits for one, and each job has both."""
    polls = WorkLongPolls(database)
    wait = BusySubscription("res1", frozenset({HELLO}))

    with waiting(lambda: polls.wait(wait, 60), lambda: len(polls)):
        polls.changed([JobNotice(7, "running", HELLO), JobNotice(8, "finished", HELLO)])
        polls.end()


def test_a_notice_that_concerns_nobody_makes_no_query_due() -> None:
    """A daemon waits for jobs that it wants, and for aborts, also of jobs that it got since."""
    daemon = ExchangeSubscription(
        "res1", frozenset({HELLO, "command"}), missing=frozenset({HELLO}), held=frozenset({7})
    )

    assert daemon.concerns(JobNotice(8, "queued", HELLO))
    assert daemon.concerns(JobNotice(7, "aborting", "command"))
    assert not daemon.concerns(JobNotice(8, "queued", "command"))
    assert daemon.concerns(JobNotice(8, "aborting", "command"))
    assert not daemon.concerns(JobNotice(8, "aborting", "another"))
    assert not daemon.concerns(JobNotice(7, "running", HELLO))
    assert not WorkSubscription("res1", frozenset({HELLO})).concerns(JobNotice(8, "queued", "command"))


@pytest.mark.usefixtures("seldom")
def test_many_notices_make_few_queries() -> None:
    """Between two queries is a pause, nine times as long as a query takes, however many notices come.

    They wake no call by themselves.
    """
    queries: list[float] = []
    hub: LongPollHub[WorkSubscription] = LongPollHub(lambda: queries.append(0.0))
    wait = WorkSubscription("res1", frozenset({HELLO}))

    with waiting(lambda: hub.wait(wait, 90, lambda: False), lambda: queries):
        began = time.monotonic()
        for _notice in range(200):
            hub.hasten()
            time.sleep(0.001)
        wait_for(lambda: len(queries) > 1)
        number, seconds = len(queries), time.monotonic() - began
        still_waiting = len(hub)
        hub.end()

    assert still_waiting == 1
    assert number <= 2 + seconds / long_poll.SHORTEST_PAUSE


def test_a_waiting_call_wakes_its_thread_once_for_each_query() -> None:
    """While nothing happens a query every tenth of a second is all that waiting calls cost."""
    wakeups: list[int] = []
    hub: LongPollHub[WorkSubscription] = LongPollHub(lambda: wakeups.append(switches_of_this_thread()))

    with waiting(
        lambda: hub.wait(WorkSubscription("res1", frozenset({HELLO})), 90, lambda: False),
        lambda: len(wakeups) > 20,
    ):
        hub.end()

    assert wakeups[-1] - wakeups[0] < 1.5 * len(wakeups)


def test_a_change_that_is_not_committed_is_announced_to_nobody(database: Database) -> None:
    """The listener of a database hears of a transaction after its commit, and only then."""
    heard: list[object] = []
    database.listener = heard.extend

    def work(transaction: Transaction, fails: bool) -> None:
        transaction.news.append(fails)
        if fails:
            raise ValueError("no commit")

    database.run(lambda transaction: work(transaction, False))
    with pytest.raises(ValueError, match="no commit"):
        database.run(lambda transaction: work(transaction, True))

    assert heard == [False]


def test_a_worker_hears_what_the_others_send(tmp_path: Path) -> None:
    """Each other worker gets all notices, of the right project; a worker hears its own only once."""
    channels = WorkerChannels(2)
    heard: list[list[tuple[str, JobNotice]]] = [[], []]
    workers = [Notices() for _ in heard]
    of_workers = [open_database(f"sqlite:{tmp_path}/{slot}.sqlite") for slot in range(2)]
    for slot, worker in enumerate(workers):
        worker.add("LGI", of_workers[slot], partial(keep, heard[slot], "LGI"))
        worker.add("other", open_database(f"sqlite:{tmp_path}/other"), partial(keep, heard[slot], "other"))
        worker.start(channels.of_worker(slot, partial(list, [1 - slot])))
    rows = [replace(queued_job(number), job_id=number + 1) for number in range(MOST_NOTICES + 1)]

    of_workers[0].run(lambda transaction: transaction.news.extend(rows), write=False)
    of_workers[1].run(lambda transaction: transaction.news.append(rows[0]), write=False)

    wait_for(lambda: all(len(found) == len(rows) + 1 for found in heard), 60)
    for found in heard:
        told = [("LGI", JobNotice(job.job_id, "queued", HELLO)) for job in [rows[0], *rows]]
        assert sorted(found, key=lambda one: one[1].job_id) == told


def keep(heard: list[tuple[str, JobNotice]], project: str, notices: Sequence[JobNotice]) -> None:
    """Remember notices of a project."""
    heard += [(project, one) for one in notices]


def test_a_worker_that_does_not_listen_delays_nobody() -> None:
    """A full channel loses notices; its worker finds the changes by its queries."""
    channels = WorkerChannels(2)
    worker = channels.of_worker(0, lambda: [1])

    for _message in range(2000):
        worker.send(b"x" * 1000)

    assert channels.of_worker(1, list).receive() == b"x" * 1000
