"""How a client waits, in invented time."""

from collections.abc import Callable

import pytest

from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_tools.client.polling import LONGEST_HELD, OutageError, poll_until
from lgi_tools.client.timing import DEFAULT

pytestmark = pytest.mark.slow


class Time:
    """A clock that advances when the code sleeps or a server holds a call."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.held: list[int] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def wait(self, ask: Callable[[int], float], done_at: float, timeout: float | None = None) -> float:
        """Until the answer, which is when it was given, is late enough."""
        return poll_until(ask, lambda answer: answer >= done_at, timeout, clock=self, sleep=self.sleep)

    def new_server(self, seconds: int) -> float:
        """Holds every call for as long as it may."""
        self.held.append(seconds)
        self.now += seconds
        return self.now

    def old_server(self, seconds: int) -> float:
        """Answer immediately and ignore the requested wait."""
        self.held.append(seconds)
        return self.now


def test_a_server_that_holds_calls_is_asked_again_at_once() -> None:
    """It is the server that waits."""
    time = Time()

    assert time.wait(time.new_server, 100) == 3 * LONGEST_HELD
    assert time.pauses == []


def test_a_server_that_holds_none_is_asked_ever_more_seldom() -> None:
    """The pauses grow from a fifth of a second to five, for short jobs and for long ones."""
    time = Time()

    assert time.wait(time.old_server, 100) >= 100
    assert time.pauses[0] == 0.2
    assert time.pauses[-1] == DEFAULT.poll.longest
    assert time.pauses == sorted(time.pauses)
    assert len(time.pauses) < 35


def test_a_wait_for_an_end_that_is_known_ends_at_once() -> None:
    """After one call, without a pause."""
    time = Time()

    assert time.wait(time.old_server, 0) == 0
    assert (time.pauses, len(time.held)) == ([], 1)


@pytest.mark.parametrize("timeout", [0, 0.5, 7, 65])
@pytest.mark.parametrize("kind", ["old_server", "new_server"])
def test_a_wait_ends_when_its_time_is_over(kind: str, timeout: float) -> None:
    """Neither the server nor a pause takes longer than that."""
    time = Time()

    with pytest.raises(TimeoutError):
        time.wait(getattr(time, kind), 1000, timeout)
    assert timeout <= time.now < timeout + 1.01
    assert max(time.held) <= timeout


def test_a_server_may_be_away_for_a_while() -> None:
    """A restart during a long wait does not end it."""
    time = Time()

    def ask(seconds: int) -> float:
        if 100 < time.now < 300:
            raise TransportError("https://x/LGI", "Connection refused")
        return time.new_server(seconds)

    assert time.wait(ask, 400) >= 400


def test_a_server_that_stays_away_ends_the_wait() -> None:
    """After ten minutes without any answer."""
    time = Time()

    def ask(seconds: int) -> float:
        if time.now > 100:
            raise TransportError("https://x/LGI", "Connection refused")
        return time.new_server(seconds)

    with pytest.raises(OutageError, match="Connection refused"):
        time.wait(ask, 10_000)
    assert DEFAULT.outage_seconds < time.now < DEFAULT.outage_seconds + 200


@pytest.mark.parametrize(
    "fault",
    [
        TransportError("https://x/LGI", "Connection refused"),
        TransportError("https://x/LGI", "not an LGI document (HTTP 502)", excerpt="HTTP 502"),
        ServerError(ErrorNumber.BACK_OFF, "busy"),
        ServerError(ErrorNumber.DATABASE, "no database"),
    ],
)
@pytest.mark.parametrize("begins", [0, 1])
def test_a_server_may_be_restarted_in_the_first_seconds(fault: Exception, begins: float) -> None:
    """It has answered before, be it to the first of these calls; the held one ends with its server."""
    time = Time()
    answers = 0

    def ask(seconds: int) -> float:
        nonlocal answers
        answers += 1
        if time.now >= begins and time.now < 30 and answers > begins:
            time.now += min(seconds, 3)
            raise fault
        return time.old_server(seconds)

    told = poll_until(
        ask, lambda answer: answer >= 40, None, answered=not begins, clock=time, sleep=time.sleep
    )

    assert told >= 40


def test_the_first_call_is_not_held() -> None:
    """So a server that ends while it holds one is known to have been there."""
    time = Time()

    time.wait(time.new_server, 100)

    assert time.held == [0, LONGEST_HELD, LONGEST_HELD, LONGEST_HELD]


def test_a_refusal_ends_a_wait_at_once() -> None:
    """The job was removed, or is not the user's: a retry cannot succeed."""
    time = Time()

    def ask(seconds: int) -> float:
        raise ServerError(ErrorNumber.NO_JOB, "no such job")

    with pytest.raises(ServerError, match="no such job"):
        poll_until(ask, bool, answered=True, clock=time, sleep=time.sleep)
    assert time.now == 0


def test_a_server_that_was_never_there_is_reported_at_once() -> None:
    """It is a wrong address rather than an outage."""
    time = Time()

    def ask(seconds: int) -> float:
        raise TransportError("https://x/LGI", "Connection refused")

    with pytest.raises(TransportError):
        time.wait(ask, 10)
    assert time.now == 0
