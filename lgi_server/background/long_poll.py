"""Calls that wait in one worker: each is a greenlet and an event, no connection, no place among the requests.

As long as there are any, one look at the database every tenth of a second serves all of them.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from lgi_protocol.errors import ErrorNumber, LGIError

log = logging.getLogger("lgi.waiting")
LOOK_SECONDS, LONGEST_LOOK = 0.1, 1.0
# One in so many waiters is looked at each time, whether its connection still is there.
PRESENCE = 10
# Of one caller, in one worker; several programs may share its name.
MOST_EACH = 100


class Subscription(Protocol):
    """What somebody waits for."""

    @property
    def caller(self) -> str:
        """Whose name counts against too many."""


_Wish = TypeVar("_Wish", bound=Subscription)


class LongPoll(Exception):  # noqa: N818 - it controls the flow and is no error
    """A call found nothing to answer and may wait for it; nothing was done."""

    def __init__(self, wait: Callable[[float, Callable[[], bool]], bool], seconds: float) -> None:
        """``wait`` is that of a hub; the call waits for at most so many seconds."""
        super().__init__("there is nothing yet")
        self.wait = wait
        self.seconds = seconds


@dataclass(eq=False)
class LongPollWaiter(Generic[_Wish]):
    """One call that waits; ``has_gone`` says whether its connection has ended."""

    wish: _Wish
    has_gone: Callable[[], bool]
    woken: threading.Event = field(default_factory=threading.Event)


class LongPollHub(Generic[_Wish]):
    """The waiters, in the order of their coming."""

    def __init__(self, look: Callable[[], None]) -> None:
        """``look`` wakes whom it concerns; it may raise LGIError. Nothing runs before somebody waits."""
        self._look = look
        self._present: dict[LongPollWaiter[_Wish], None] = {}
        self._looking = False
        self._ended = False
        self._turn = 0

    def __len__(self) -> int:
        return len(self._present)

    def __iter__(self) -> Iterator[LongPollWaiter[_Wish]]:
        return iter(tuple(self._present))

    def wait(self, wish: _Wish, seconds: float, has_gone: Callable[[], bool]) -> bool:
        """Return when somebody is woken, at the latest after so many seconds: whether so.

        Also when the waiter ``has_gone``. LGIError BACK_OFF when its caller has too many waiters already.
        """
        if self._ended:
            return False
        kind, caller = type(wish), wish.caller
        if sum(type(one.wish) is kind and one.wish.caller == caller for one in self._present) >= MOST_EACH:
            raise LGIError(ErrorNumber.BACK_OFF, f"{MOST_EACH} calls of {wish.caller} wait already")
        waiter = LongPollWaiter(wish, has_gone)
        self._present[waiter] = None
        try:
            self._start_looking()
            return waiter.woken.wait(seconds)
        finally:
            self._present.pop(waiter, None)

    def wake(self, waiter: LongPollWaiter[_Wish]) -> None:
        """Let one go; it waits no more."""
        self._present.pop(waiter, None)
        waiter.woken.set()

    def end(self) -> None:
        """Let everybody go: the worker is to end."""
        self._ended = True
        for waiter in self:
            waiter.woken.set()

    def _start_looking(self) -> None:
        if not self._looking:
            self._looking = True
            threading.Thread(target=self._keep_looking, daemon=True).start()

    def _keep_looking(self) -> None:
        """Look as long as somebody waits."""
        try:
            while self._present and not self._ended:
                began = time.monotonic()
                try:
                    self._look()
                except LGIError as error:
                    log.warning("nobody is told of jobs: %s", error)
                    time.sleep(1)
                # Whatever a look costs, most of the time the database is left alone.
                time.sleep(min(max(LOOK_SECONDS, 2 * (time.monotonic() - began)), LONGEST_LOOK))
                self._dismiss_gone()
        finally:
            self._looking = False

    def _dismiss_gone(self) -> None:
        """Let those go whose connection has ended; not all are looked at each time."""
        self._turn = (self._turn + 1) % PRESENCE
        for number, waiter in enumerate(self):
            if number % PRESENCE == self._turn and _has_gone(waiter):
                self.wake(waiter)


def _has_gone(waiter: LongPollWaiter[_Wish]) -> bool:
    """Return whether a waiter's connection has ended.

    It counts as ended when this cannot be determined, so that the others go on.
    """
    try:
        return waiter.has_gone()
    except Exception as error:  # noqa: BLE001 - whatever a broken connection makes of the question
        log.warning("a call that waits is let go, its connection cannot be looked at: %r", error)
        return True
