"""Work that cannot be done at once: the job it wants is locked."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.services.jobs.locking import JobLockedError

Result = TypeVar("Result")
LOCK_WAIT_SECONDS = 30.0
# Between two looks of such a call; each time twice as long, so that many of them cost the others little.
LOCK_LOOK_SECONDS, LONGEST_LOOK = 0.2, 0.8
# So many calls of a worker may wait for a lock; the next one is told to come back.
_waiting = threading.BoundedSemaphore(64)


def wait_for_lock(again: Callable[[], Result], locked: JobLockedError) -> Result:
    """Look again until the lock is gone; LGIError BACK_OFF after 30 s or when too many wait already."""
    if not _waiting.acquire(blocking=False):
        raise LGIError(ErrorNumber.BACK_OFF, str(locked))
    try:
        end, pause = time.monotonic() + LOCK_WAIT_SECONDS, LOCK_LOOK_SECONDS
        while time.monotonic() < end:
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_LOOK)
            try:
                return again()
            except JobLockedError as still:
                locked = still
        raise LGIError(ErrorNumber.BACK_OFF, str(locked))
    finally:
        _waiting.release()
