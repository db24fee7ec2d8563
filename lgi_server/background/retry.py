"""Retries of a call whose job is locked."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from lgi_protocol.backoff import Backoff
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.services.jobs.locking import JobLockedError

Result = TypeVar("Result")
LOCK_WAIT_SECONDS = 30.0
# Seconds after which to come back for an old lock: our commands retry for less, and tell the user.
OLD_LOCK_TIMEOUT = 120
# Seconds between two attempts: they grow, so that many waiting calls cost the others little.
BACKOFF = Backoff(0.2, longest=0.8)
# Calls of one worker that may wait for a lock; any further one is refused.
_waiting = threading.BoundedSemaphore(64)


def wait_for_lock(work: Callable[[], Result], locked: JobLockedError) -> Result:
    """Return the result of ``work``, repeated until it does not raise JobLockedError.

    Raises LGIError BACK_OFF, with the text of the error, after LOCK_WAIT_SECONDS, or when too many calls of
    this worker wait already; at once for a lock that is older than that, since it will probably stay.
    """
    if locked.since is not None and time.time() > locked.since + LOCK_WAIT_SECONDS:
        raise LGIError(ErrorNumber.BACK_OFF, str(locked), timeout=OLD_LOCK_TIMEOUT)
    if not _waiting.acquire(blocking=False):
        raise LGIError(ErrorNumber.BACK_OFF, str(locked))
    try:
        end, attempt = time.monotonic() + LOCK_WAIT_SECONDS, 0
        while time.monotonic() < end:
            time.sleep(BACKOFF.next_delay(attempt))
            attempt += 1
            try:
                return work()
            except JobLockedError as still:
                locked = still
        raise LGIError(ErrorNumber.BACK_OFF, str(locked))
    finally:
        _waiting.release()
