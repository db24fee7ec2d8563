"""Users who wait for a job (`wait` of interface_job_state)."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.reply import Reply
from lgi_protocol.resource_api import ResourceCalls
from lgi_server.background.long_poll import MOST_EACH
from lgi_server.background.long_poll_users import KnownJobState, UserLongPolls
from lgi_server.db.pool import Database
from tests.support.grid import Grid, UserCalls, refusal, wait_for

# Seconds for which a call waits, and within which it is answered on a busy machine when it need not wait on.
LONG, SOON = 50, 20


def ask(user: UserCalls, job_id: int, seconds: int = LONG, **known: str) -> Reply:
    """A call that waits."""
    return user.post("interface_job_state", job_id=str(job_id), wait=str(seconds), **known)


@contextmanager
def waiting(call: Callable[[], object]) -> Iterator[Callable[[], tuple[object, float]]]:
    """A call that waits; gives its answer, or its refusal, and how long it took from the block's begin."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(call)
        time.sleep(0.4)
        assert not answer.done()
        began = time.monotonic()
        yield lambda: (answer.result(60), time.monotonic() - began)


def run_job(resource: ResourceCalls, job_id: int, state: str) -> None:
    """What a daemon does to change a state."""
    resource.lock(str(job_id))
    resource.update(str(job_id), state=state)
    resource.unlock(str(job_id))


def test_the_end_of_a_job_is_answered_as_it_comes(grid: Grid) -> None:
    """Without a posted state the call waits for the end; the answer has all details, as usual."""
    user, resource = grid.user(), grid.resource()
    job_id = user.submit()

    with waiting(lambda: ask(user, job_id)) as answered:
        run_job(resource, job_id, "running")
        time.sleep(0.3)
        resource.lock(str(job_id))
        resource.update(str(job_id), state="finished", output=b"done")
        resource.unlock(str(job_id))
        reply, seconds = answered()

    assert isinstance(reply, Reply)
    assert (reply.value("job", "state"), reply.value("job", "output")) == ("finished", b"done".hex().upper())
    assert seconds < SOON


def test_a_state_other_than_the_known_one_ends_a_wait(grid: Grid) -> None:
    """A user who knows the job as queued gets the answer that it runs."""
    user, resource = grid.user(), grid.resource()
    job_id = user.submit()

    with waiting(lambda: ask(user, job_id, state="queued")) as answered:
        run_job(resource, job_id, "running")
        reply, _ = answered()

    assert isinstance(reply, Reply)
    assert reply.value("job", "state") == "running"


@pytest.mark.slow
def test_an_answer_without_news_comes_when_the_time_is_over(grid: Grid) -> None:
    """The answer is the usual one."""
    user = grid.user()
    grid.resource()
    job_id = user.submit()
    began = time.monotonic()

    assert ask(user, job_id, 1).value("job", "state") == "queued"
    assert 0.9 < time.monotonic() - began < SOON


@pytest.mark.parametrize("known", [{}, {"state": "queued"}, {"state": "running"}])
def test_an_ended_job_is_answered_at_once(grid: Grid, known: dict[str, str]) -> None:
    """This includes a job with an intermediate state that the user has not seen."""
    user, resource = grid.user(), grid.resource()
    job_id = user.submit()
    run_job(resource, job_id, "running")
    run_job(resource, job_id, "finished")
    began = time.monotonic()

    assert ask(user, job_id, **known).value("job", "state") == "finished"
    assert time.monotonic() - began < SOON


def test_the_deletion_of_a_job_ends_a_wait(grid: Grid) -> None:
    """The answer is the error of a job that does not exist."""
    user = grid.user()
    grid.resource()
    job_id = user.submit()

    with waiting(lambda: refusal(lambda: ask(user, job_id))) as answered:
        user.delete(job_id)
        number, seconds = answered()

    assert number == ErrorNumber.NO_JOB
    assert seconds < SOON


def test_a_wait_for_a_job_of_others_is_refused_at_once(grid: Grid) -> None:
    """Refused at once, as without waiting."""
    grid.resource()
    job_id = grid.user().submit()
    began = time.monotonic()

    assert refusal(lambda: ask(grid.user("eve@desk", ("others",)), job_id)) == ErrorNumber.READ_REFUSED
    assert time.monotonic() - began < SOON


def test_a_list_does_not_wait(grid: Grid) -> None:
    """Only one job can be waited for."""
    began = time.monotonic()

    assert grid.user().post("interface_job_state", wait=str(LONG)).number("number_of_jobs") == 0
    assert time.monotonic() - began < SOON


class _Jobs(Database):
    """States that a test changes by hand."""

    def __init__(self) -> None:
        self.states: dict[int, str] = {}

    def run(self, work: object, write: bool = True) -> object:  # type: ignore[override]
        """They are looked up in no database; no job has put out anything."""
        return self.states, {}


def test_one_user_has_a_bounded_number_of_waiters() -> None:
    """The next call gets error 1; calls of other users may still wait."""
    database = _Jobs()
    database.states = {1: "queued"}
    made = UserLongPolls(database)
    with ThreadPoolExecutor(MOST_EACH) as pool:
        for _ in range(MOST_EACH):
            pool.submit(made.wait, KnownJobState("mark", 1), LONG, lambda: False)
        wait_for(lambda: len(made) == MOST_EACH)

        with pytest.raises(LGIError) as refused:
            made.wait(KnownJobState("mark", 1), 1, lambda: False)
        assert refused.value.number == ErrorNumber.BACK_OFF
        assert not made.wait(KnownJobState("eve", 1), 0.01, lambda: False)
        made.end()


@pytest.mark.parametrize(
    ("known", "state", "so"),
    [
        ("", "queued", True),
        ("", "checkpointed", True),
        ("", "aborting", True),
        ("", "aborted", False),
        ("queued", "queued", True),
        ("queued", "running", False),
        ("queued", None, False),
        ("", None, False),
    ],
)
def test_a_state_other_than_the_known_one_is_news_of_a_job(known: str, state: str | None, so: bool) -> None:
    """A site-defined state counts as running; a deleted job has no state."""
    assert KnownJobState("mark", 1, known).is_current(state) is so


@pytest.mark.slow
def test_a_caller_who_hangs_up_is_let_go() -> None:
    """Long before its time is over: it would keep its connection and its memory."""
    database = _Jobs()
    database.states = {1: "queued"}
    made = UserLongPolls(database)
    began = time.monotonic()

    assert made.wait(KnownJobState("mark", 1), LONG, lambda: time.monotonic() > began + 0.3)
    assert time.monotonic() - began < SOON
    assert len(made) == 0
