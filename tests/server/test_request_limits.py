"""The limits on concurrent requests of a worker."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from types import SimpleNamespace
from typing import cast

import flask
import pytest

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.background.concurrency_limiter import ConcurrencyLimiter
from lgi_server.basic_interface import responses
from lgi_server.basic_interface.registry import FileStream, PageUser
from tests.support.grid import wait_for

pytestmark = pytest.mark.slow


def take(crowd: ConcurrencyLimiter, stack: ExitStack, name: str, number: int) -> int:
    """How many of so many places a caller gets."""
    got = 0
    for _ in range(number):
        try:
            stack.enter_context(crowd.slot(name))
        except LGIError as refused:
            return got if refused.number == ErrorNumber.BACK_OFF else -1
        got += 1
    return got


def test_one_caller_has_a_quarter_of_the_places_at_most() -> None:
    """Others are answered, however many slow bodies it sends."""
    crowd = ConcurrencyLimiter(100)
    with ExitStack() as stack:
        assert take(crowd, stack, "eve", 1000) == 25
        assert take(crowd, stack, "mark", 10) == 10
    with ExitStack() as stack:
        assert take(crowd, stack, "eve", 1000) == 25


def test_all_callers_together_have_the_places_there_are() -> None:
    """The next call gets error 1, whoever makes it."""
    crowd = ConcurrencyLimiter(20)
    with ExitStack() as stack:
        assert [take(crowd, stack, f"user{number}", 8) for number in range(4)] == [8, 8, 4, 0]


def test_a_refusal_says_which_limit_was_reached() -> None:
    """That of the caller, or that of the worker; nobody else is named."""
    crowd = ConcurrencyLimiter(20)
    with ExitStack() as stack:
        take(crowd, stack, "eve", 8)
        with pytest.raises(LGIError, match="come back later: 8 requests of this caller at once"):
            stack.enter_context(crowd.slot("eve"))
        take(crowd, stack, "mark", 8)
        take(crowd, stack, "jane", 4)
        with pytest.raises(LGIError, match="come back later: 20 requests at once in this worker"):
            stack.enter_context(crowd.slot("jane"))


@pytest.mark.parametrize("places", [1, 3, 8])
def test_a_few_places_are_not_divided(places: int) -> None:
    """A share is eight at least, as far as there are so many."""
    with ExitStack() as stack:
        assert take(ConcurrencyLimiter(places), stack, "mark", 100) == places


class SlowHolder:
    """A request whose client has kept the server waiting for so many seconds, or not at all."""

    def __init__(self, seconds: float | None, slots: ExitStack) -> None:
        self._seconds = seconds
        self._slots = slots
        self.is_cut = False

    def stalled(self, _now: float) -> float | None:
        """For how long."""
        return self._seconds

    def cut(self) -> None:
        """It gives its slot back at once."""
        self.is_cut = True
        self._slots.close()


class WaitingHolder:
    """A request that finds no slot, and waits until the test is over."""

    def __init__(self, over: threading.Event) -> None:
        self._over = over
        # How often it has found none.
        self.looks = 0

    @property
    def is_cut(self) -> bool:
        """Asked before each pause."""
        self.looks += 1
        return self._over.is_set()

    def stalled(self, _now: float) -> None:
        """Not its client is waited for."""

    def cut(self) -> None:
        """It ends by itself."""


def hold(crowd: ConcurrencyLimiter, stack: ExitStack, name: str, *seconds: float | None) -> list[SlowHolder]:
    """Slots of an account, each held by a client that is so slow."""
    made = []
    for one in seconds:
        slots = stack.enter_context(ExitStack())
        made.append(SlowHolder(one, slots))
        slots.enter_context(crowd.slot(name, holder=made[-1]))
    return made


def test_the_slowest_request_of_the_largest_account_makes_room_for_a_smaller_one() -> None:
    """Accounts that have all places together exclude no other; a request in progress is not interrupted."""
    crowd = ConcurrencyLimiter(12)
    with ExitStack() as stack:
        large = hold(crowd, stack, "eve", 1.0, 7.0, None, 2.0, 0.5, 0.5, 0.5)
        small = hold(crowd, stack, "frank", 9.0, 9.0, 9.0, 9.0, 9.0)
        begin = time.monotonic()

        with crowd.slot("mark", wait=60):
            assert [one.is_cut for one in large] == [False, True, *[False] * 5]
            assert not any(one.is_cut for one in small)
        assert 1.0 <= time.monotonic() - begin < 30


def test_an_archive_that_is_read_slowly_makes_room_for_others() -> None:
    """As a file of a repository that is; otherwise a few accounts could keep all others from their files."""
    crowd, app = ConcurrencyLimiter(2), flask.Flask("archives")
    server, who = SimpleNamespace(transfers=crowd), SimpleNamespace(account="eve")
    visitor = cast(PageUser, SimpleNamespace(server=server, who=who))
    with ExitStack() as stack:
        for _ in range(2):
            slots = stack.enter_context(ExitStack())
            slow = SlowHolder(9.0, slots)
            with app.test_request_context(environ_overrides={"gunicorn.socket": slow}):
                answer = responses.response(visitor, FileStream("all.zip", iter([b"x"])))
            slots.callback(answer.close)

        with crowd.slot("mark", wait=60):
            assert take(crowd, stack, "frank", 1) == 0


def test_a_free_place_is_left_to_the_waiting_account_with_fewest() -> None:
    """However many requests of others wait for it too."""
    crowd = ConcurrencyLimiter(8)
    got: list[str] = []
    over = threading.Event()

    def wait(name: str, request: WaitingHolder) -> None:
        with suppress(LGIError), crowd.slot(name, wait=60, holder=request):  # type: ignore[arg-type]
            got.append(name)
            over.wait(60)

    requests = [WaitingHolder(over) for _ in range(21)]
    with ExitStack() as stack, ThreadPoolExecutor(len(requests)) as threads:
        (first, *_rest) = hold(crowd, stack, "eve", *[None] * 4)
        hold(crowd, stack, "frank", *[None] * 4)
        for name, request in zip([*["eve", "frank"] * 10, "mark"], requests, strict=True):
            threads.submit(wait, name, request)
        wait_for(lambda: all(one.looks for one in requests))
        first.cut()
        wait_for(lambda: got)
        found = list(got)
        over.set()

    assert found == ["mark"]


NO_ROOM = {
    "an account with as many": ("eve", (1.0, 1.0, 1.0)),
    "requests that are worked on": ("mark", (None, None, None)),
}


@pytest.mark.parametrize(("name", "seconds"), NO_ROOM.values(), ids=NO_ROOM.keys())
def test_a_request_that_is_not_slower_than_its_share_is_left(name: str, seconds: tuple[float | None]) -> None:
    """An account gets no place of another one with fewer requests, nor that of a request in progress."""
    crowd = ConcurrencyLimiter(2 * len(seconds))
    with ExitStack() as stack:
        held = [*hold(crowd, stack, "eve", *seconds), *hold(crowd, stack, "frank", *seconds)]

        with pytest.raises(LGIError) as refused, crowd.slot(name, wait=2.5):
            pass

        assert refused.value.number == ErrorNumber.BACK_OFF
        assert not any(one.is_cut for one in held)
