"""How a client waits: with calls the server holds, or, where it holds none, asking ever more seldom."""

import time
from collections.abc import Callable
from typing import TypeVar

from lgi_protocol.unreachable import Unreachable

# Shorter than what many routers keep a silent connection for, and than our patience with an answer.
LONGEST_HELD = 40
# The first pause with a server that answers at once, and the longest; each is half as long again.
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.2, 5.0, 1.5
# A server that has answered before may be away for so long.
OUTAGE = 600.0
_Answer = TypeVar("_Answer")


def wait_until(
    ask: Callable[[int], _Answer],
    done: Callable[[_Answer], bool],
    timeout: float | None = None,
    longest: int = LONGEST_HELD,
    answered: bool = False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> _Answer:
    """The first answer that is ``done``; ``ask`` is told for how many seconds the server may hold the call.

    TimeoutError after ``timeout`` seconds; Unreachable when the first call gets no answer, unless the server
    has ``answered`` before, or when none has come for ten minutes.
    """
    end = None if timeout is None else clock() + timeout
    pause, heard = FIRST_PAUSE, clock() if answered else None
    while True:
        left = longest if end is None else max(0.0, end - clock())
        held = int(min(left, longest))
        began = clock()
        try:
            answer = ask(held)
            heard = clock()
            if done(answer):
                return answer
        except Unreachable:
            if heard is None or clock() - heard > OUTAGE:
                raise
        if end is not None and clock() >= end:
            raise TimeoutError(f"still not so after {timeout:g} s")
        if held and clock() - began >= held / 2:
            pause = FIRST_PAUSE
            continue
        sleep(pause if end is None else min(pause, max(0.0, end - clock())))
        pause = min(pause * GROWTH, LONGEST_PAUSE)
