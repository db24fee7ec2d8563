"""Waits are ended for a job that an exchange does not name, but not each of them for the same job."""

import threading
from collections.abc import Iterator

import pytest

from lgi_server.background.long_poll import Wake
from lgi_server.background.long_poll_work import WorkLongPolls
from lgi_server.background.unnamed_news import KEPT_SECONDS, MOST_TIMES
from lgi_server.background.work_subscription import ExchangeSubscription
from lgi_server.tables.job_queue.pending_work import PendingJob
from tests.server.test_waiting import HELLO, Clock, waiting
from tests.support.grid import wait_for

# A job of another daemon with the certificate of this one; it is being aborted, perhaps for days.
OTHERS = PendingJob(9, "aborting", HELLO, ("r",))
OWN = PendingJob(7, "aborting", HELLO, ("r",))


def holding() -> ExchangeSubscription:
    """An exchange of a daemon, which names its job 7."""
    return ExchangeSubscription("r", frozenset({HELLO}), held=frozenset({7}))


@pytest.fixture
def clock() -> Clock:
    """A clock that is set by hand."""
    return Clock()


@pytest.fixture
def polls(clock: Clock) -> Iterator[WorkLongPolls]:
    """The waiting calls of a worker, of which there are none yet."""
    made, _woken = waiting(clock)
    yield made
    made.end()


def wake_by(polls: WorkLongPolls, *jobs: PendingJob) -> Wake | None:
    """How jobs that are pending end the wait of a new exchange; None if it goes on."""
    wakes: list[Wake | None] = []
    gone: list[bool] = []
    thread = threading.Thread(
        target=lambda: wakes.append(polls.wait(holding(), 60, lambda: bool(gone))), daemon=True
    )
    thread.start()
    wait_for(lambda: len(polls) == 1)
    polls.notify(jobs)
    is_woken = len(polls) == 0
    if not is_woken:
        polls.notify([OWN])
        polls.notify([])
    thread.join(30)
    assert not thread.is_alive()
    return wakes[0] if is_woken else None


def ends(polls: WorkLongPolls, clock: Clock, seconds: int) -> int:
    """How many waits a job ends that is not this daemon's, in so many seconds with two waits in each."""
    number = 0
    for _half in range(2 * seconds):
        number += wake_by(polls, OTHERS) is not None
        # Calls of other resources alone: their query does not find the job.
        polls.notify([])
        clock.now += 0.5
    return number


def test_a_job_of_another_daemon_ends_few_waits(polls: WorkLongPolls, clock: Clock) -> None:
    """Each of them would be answered with nothing, twice a second, until the job has ended."""
    assert ends(polls, clock, 60) == MOST_TIMES


def test_a_named_job_ends_a_wait_beside_one_of_another_daemon(polls: WorkLongPolls, clock: Clock) -> None:
    """What was told of the other says nothing of it."""
    ends(polls, clock, 10)

    wake = wake_by(polls, OTHERS, OWN)

    assert wake is not None
    assert not wake.final


def test_news_that_are_pending_again_later_end_a_wait(polls: WorkLongPolls, clock: Clock) -> None:
    """The user may watch the job once more, which may be with this daemon by then."""
    ends(polls, clock, 10)
    clock.now += KEPT_SECONDS
    polls.notify([])

    assert wake_by(polls, OTHERS) == Wake(final=True)
