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


class OutageError(TransportError):
    """A server that had answered before has not answered for a long time; the job continues."""

    def __init__(self, last: TransportError | ServerError) -> None:
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
    timing: Timing = DEFAULT,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> _Answer:
    """Poll until ``done`` accepts an answer, and return it.

    ``ask`` gets the number of seconds the server may hold the call. Raises TimeoutError after ``timeout``
    seconds; TransportError when the first call has no answer, unless the server has ``answered`` before;
    OutageError when no answer has come for `Timing.outage_seconds`, ten minutes.
    """
    end = None if timeout is None else clock() + timeout
    pause, answered_at = timing.poll.first, clock() if answered else None
    while True:
        left = longest if end is None else max(0.0, end - clock())
        # The first call is not held: otherwise a dead server would look like one that holds the call.
        held = 0 if answered_at is None else int(min(left, longest))
        began, is_first = clock(), answered_at is None
        try:
            answer = ask(held)
            answered_at = clock()
            if done(answer):
                return answer
        except (TransportError, ServerError) as error:
            if answered_at is None or not _may_pass(error):
                raise
            if clock() - answered_at > timing.outage_seconds:
                raise OutageError(error) from error
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


def _may_pass(error: TransportError | ServerError) -> bool:
    """Return whether an error is temporary: no answer, a busy server, or no database."""
    return isinstance(error, TransportError) or error.back_off or error.number == ErrorNumber.DATABASE
