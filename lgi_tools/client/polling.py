"""Wait for a result: with calls that the server holds, else by polling at growing intervals."""

import time
from collections.abc import Callable
from typing import TypeVar

from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_tools.client.timing import DEFAULT, Timing

# Seconds that a server may hold a call: less than the time after which many routers drop an idle connection,
# and than the timeout of an answer.
LONGEST_HELD = 40
_Answer = TypeVar("_Answer")
Outage = TransportError | ServerError


class OutageError(TransportError):
    """A server has not answered for a long time; the job continues."""

    def __init__(self, last: Outage) -> None:
        """Keep ``last``, the error of the last call."""
        if isinstance(last, TransportError):
            super().__init__(last.server, last.reason)
        else:
            super().__init__("", str(last))


def poll_until(
    ask: Callable[[int], _Answer],
    done: Callable[[_Answer], bool],
    timeout: float | None = None,
    *,
    longest: int = LONGEST_HELD,
    answered: bool = False,
    on_outage: Callable[[Outage], object] | None = None,
    timing: Timing = DEFAULT,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> _Answer:
    """Poll until ``done`` accepts an answer, and return it.

    ``ask`` gets the number of seconds the server may hold the call. Raises TimeoutError after ``timeout``
    seconds; TransportError when the first call has no answer, unless the server has ``answered`` before;
    OutageError when no answer has come for `Timing.outage_seconds`, ten minutes. With ``on_outage`` a server
    that is down at first is waited for as long, after a call of it with the error.
    """
    end = None if timeout is None else clock() + timeout
    pause, contact = timing.poll.first, _Contact(answered, on_outage, timing.outage_seconds, clock)
    while True:
        left = longest if end is None else max(0.0, end - clock())
        # The first call is not held: otherwise a dead server would look like one that holds the call.
        held = int(min(left, longest)) if contact.answered else 0
        began, is_first = clock(), not contact.answered
        try:
            answer = ask(held)
            contact.note_answer()
            if done(answer):
                return answer
        except (TransportError, ServerError) as error:
            contact.note_error(error)
            is_first = False
        if end is not None and clock() >= end:
            raise TimeoutError(f"still not so after {timeout:g} s")
        if is_first:
            continue
        if held and clock() - began >= held / 2:
            pause = timing.poll.first
            continue
        sleep(pause if end is None else min(pause, max(0.0, end - clock())))
        pause = timing.poll.increase(pause)


class _Contact:
    """Whether a server answers, and since when it has not."""

    def __init__(
        self,
        answered: bool,
        on_outage: Callable[[Outage], object] | None,
        outage_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self.answered = answered
        self._on_outage = on_outage
        self._outage_seconds, self._clock = outage_seconds, clock
        self._since = clock() if answered else None

    def note_answer(self) -> None:
        self.answered, self._since = True, self._clock()

    def note_error(self, error: Outage) -> None:
        """Raise the error unless the server may answer later, OutageError when it has been away too long."""
        if not _may_pass(error) if self.answered else not (self._on_outage and is_outage(error)):
            raise error
        if self._since is None:
            self._since = self._clock()
            if self._on_outage:
                self._on_outage(error)
        if self._clock() - self._since > self._outage_seconds:
            raise OutageError(error) from error


def is_outage(error: Outage) -> bool:
    """Return whether a server that has not answered yet may do so later."""
    if isinstance(error, ServerError):
        return _may_pass(error)
    from lgi_protocol import transport_errors

    return transport_errors.is_outage(error)


def _may_pass(error: Outage) -> bool:
    """Return whether an error is temporary: no answer, a busy server, or no database."""
    return isinstance(error, TransportError) or error.back_off or error.number == ErrorNumber.DATABASE
