"""Long polls: calls that wait in one worker. Each costs a greenlet and an event, no connection and no slot.

While there are any, one query of the database every tenth of a second serves all of them. What the workers of
this server change is announced to them (`notices`), and waits for no query.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from lgi_protocol.errors import ErrorNumber, LGIError

log = logging.getLogger("lgi.waiting")
# Seconds between two queries: usually, at most, and at least when a change was announced.
QUERY_SECONDS, LONGEST_PAUSE, SHORTEST_PAUSE = 0.1, 1.0, 0.01
# One in so many connections is checked after each query.
CHECKED_PART = 10
# Waiting calls of one caller in one worker; several programs may share its name.
MOST_EACH = 100


class ClientGoneError(LGIError):
    """The client of a waiting call has closed its connection: nobody reads an answer."""

    def __init__(self) -> None:
        """Answer BACK_OFF to who has only sent something before the answer."""
        super().__init__(ErrorNumber.BACK_OFF, "the client has closed the connection")


class Subscription(Protocol):
    """What a call waits for."""

    @property
    def caller(self) -> str:
        """The name that the limit on waiting calls applies to."""


_Subscription = TypeVar("_Subscription", bound=Subscription)


@dataclass(frozen=True)
class Wake:
    """That a wait has ended before its time; ``most`` is how many jobs to take, None for any number.

    After a ``final`` one the call is answered, even if it has nothing to answer.
    """

    most: int | None = None
    final: bool = False


@dataclass(frozen=True)
class Attempt:
    """A call after a wait: whether it may wait once more, and how many jobs it is to take, None for any."""

    may_wait: bool
    most: int | None = None


def _nothing() -> None:
    pass


class LongPoll(Exception):  # noqa: N818 - it controls the flow and is no error
    """The call has nothing to answer yet, has changed nothing, and may wait."""

    def __init__(
        self,
        wait: Callable[[float, Callable[[], bool]], Wake | None],
        seconds: float,
        answered: Callable[[], object] = _nothing,
    ) -> None:
        """Ask for a wait of at most ``seconds``; ``wait`` is `LongPollHub.wait` for a subscription.

        ``answered`` is called when there will be no more attempt.
        """
        super().__init__("no result yet")
        self._wait = wait
        self._seconds = seconds
        self._answered = answered

    @contextmanager
    def attempts(self, has_gone: Callable[[], bool]) -> Iterator[Iterator[Attempt]]:
        """Provide the attempts, of which one comes after each wait, when the call is to be tried again.

        An attempt raises ClientGoneError when the client has closed the connection: a job locked for it
        would stay so.
        """
        try:
            yield self._attempts(has_gone)
        finally:
            self._answered()

    def _attempts(self, has_gone: Callable[[], bool]) -> Iterator[Attempt]:
        end = time.monotonic() + self._seconds
        wake: Wake | None = Wake()
        while wake is not None and not wake.final:
            wake = self._wait(end - time.monotonic(), has_gone)
            if has_gone():
                raise ClientGoneError
            yield Attempt(wake is not None and not wake.final, wake.most if wake else None)


@dataclass(eq=False)
class LongPollWaiter(Generic[_Subscription]):
    """One waiting call; ``has_gone`` returns whether its connection has been closed."""

    subscription: _Subscription
    has_gone: Callable[[], bool]
    woken: threading.Event = field(default_factory=threading.Event)
    wake: Wake = Wake()


class LongPollHub(Generic[_Subscription]):
    """The waiting calls of one kind, in order of arrival, and the thread that queries for them."""

    def __init__(self, query: Callable[[], None]) -> None:
        """Create a hub; no thread runs before a call waits.

        ``query`` queries the database and wakes waiters; it may raise LGIError.
        """
        self._query = query
        self._waiting: dict[LongPollWaiter[_Subscription], None] = {}
        self._is_running = False
        self._ended = False
        self._turn = 0
        self._hurry = threading.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[LongPollWaiter[_Subscription]]:
        return iter(tuple(self._waiting))

    def wait(self, subscription: _Subscription, seconds: float, has_gone: Callable[[], bool]) -> Wake | None:
        """Wait at most ``seconds``; return None unless the call was woken, as it is when its client has gone.

        Raises LGIError BACK_OFF when MOST_EACH calls of the same caller wait already.
        """
        if self._ended:
            return None
        if self._count_like(subscription) >= MOST_EACH:
            raise LGIError(ErrorNumber.BACK_OFF, f"{MOST_EACH} calls of {subscription.caller} wait already")
        waiter = LongPollWaiter(subscription, has_gone)
        self._waiting[waiter] = None
        try:
            self._start_querying()
            return waiter.wake if waiter.woken.wait(seconds) else None
        finally:
            self._waiting.pop(waiter, None)

    def _count_like(self, subscription: _Subscription) -> int:
        """Return how many calls of the same kind and caller wait."""
        kind, caller = type(subscription), subscription.caller
        others = (one.subscription for one in self._waiting)
        return sum(type(one) is kind and one.caller == caller for one in others)

    def wake(self, waiter: LongPollWaiter[_Subscription], wake: Wake = Wake()) -> None:
        """End the wait of one call."""
        self._waiting.pop(waiter, None)
        waiter.wake = wake
        waiter.woken.set()

    def hasten(self) -> None:
        """Query as soon as the pause after the last query allows: what some call waits for may be there."""
        self._hurry.set()

    def end(self) -> None:
        """End all waits, now and in future: the worker stops."""
        self._ended = True
        for waiter in self:
            waiter.woken.set()
        self._hurry.set()

    def _start_querying(self) -> None:
        if not self._is_running:
            self._is_running = True
            threading.Thread(target=self._keep_querying, daemon=True).start()

    def _keep_querying(self) -> None:
        """Query the database while any call waits."""
        checked_at = 0.0
        try:
            while self._waiting and not self._ended:
                began = time.monotonic()
                self._hurry.clear()
                try:
                    self._query()
                except LGIError as error:
                    log.warning("cannot check for changes, waiting calls are not notified: %s", error)
                    time.sleep(1)
                self._pause(time.monotonic() - began)
                if time.monotonic() >= checked_at + QUERY_SECONDS:
                    checked_at = time.monotonic()
                    self._wake_gone()
        finally:
            self._is_running = False

    def _pause(self, taken: float) -> None:
        """Wait after a query that took ``taken`` seconds: the database is idle most of the time."""
        usual = min(max(QUERY_SECONDS, 2 * taken), LONGEST_PAUSE)
        shortest = min(max(SHORTEST_PAUSE, 9 * taken), usual)
        began = time.monotonic()
        # One wait: an idle server is woken once for each query.
        if self._hurry.wait(usual):
            time.sleep(max(0.0, began + shortest - time.monotonic()))

    def _wake_gone(self) -> None:
        """Wake calls whose connection has been closed; one in CHECKED_PART is checked each time."""
        self._turn = (self._turn + 1) % CHECKED_PART
        for number, waiter in enumerate(self):
            if number % CHECKED_PART == self._turn and _has_gone(waiter):
                self.wake(waiter)


def _has_gone(waiter: LongPollWaiter[_Subscription]) -> bool:
    """Return whether a waiter's connection has been closed, True too when that cannot be determined."""
    try:
        return waiter.has_gone()
    except Exception as error:  # noqa: BLE001 - a fault of one connection must not stop the others
        log.warning("cannot check the connection of a waiting call, it is closed: %r", error)
        return True
