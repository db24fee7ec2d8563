"""The daemon's workers: a bounded number of threads, so that what takes its time holds up nothing else."""

import logging
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock

log = logging.getLogger(__name__)

Task = Callable[[], None]


class KeyedWorkerPool:
    """Does tasks beside the caller; of each name at most one is waiting or being done."""

    def __init__(self, size: int, wake: Callable[[], None] = lambda: None) -> None:
        """At most ``size`` tasks are done at once; with 0 they wait for `work_off`.

        ``wake`` is called, in the worker, when one has been done.
        """
        self.wake = wake
        self._pool = ThreadPoolExecutor(size, "LGI") if size else None
        self._guard = Lock()
        self._ended = False
        self._under_way: set[Hashable] = set()
        self._waiting: deque[tuple[Hashable, Task]] = deque()

    @property
    def busy(self) -> bool:
        """Whether anything waits or is being done."""
        return bool(self._under_way)

    def give(self, name: Hashable, task: Task) -> bool:
        """Have a task done; False, and nothing happens, while one of that name is under way.

        After the end a task is dropped.
        """
        if self._ended:
            return True
        with self._guard:
            if name in self._under_way:
                return False
            self._under_way.add(name)
        if self._pool is None:
            self._waiting.append((name, task))
        else:
            self._pool.submit(task).add_done_callback(partial(self._done, name))
        return True

    def work_off(self) -> bool:
        """Do in the caller, in their order, tasks for which there are no workers; whether there were any."""
        found = bool(self._waiting)
        while self._waiting:
            name, task = self._waiting.popleft()
            try:
                task()
            finally:
                self._under_way.discard(name)
        return found

    def end(self) -> None:
        """Return when everything under way has been done; what only waited is dropped."""
        self._ended = True
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _done(self, name: Hashable, future: "Future[None]") -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None:
            log.critical("a mistake in the daemon, please report it; it goes on", exc_info=error)
        with self._guard:
            self._under_way.discard(name)
        self.wake()
