"""A bounded number of worker threads, so that slow scripts and servers delay nothing else."""

import logging
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock

log = logging.getLogger(__name__)

Task = Callable[[], None]


class KeyedWorkerPool:
    """Runs tasks in worker threads; of each key at most one task is pending or running."""

    def __init__(self, size: int, wake: Callable[[], None] = lambda: None) -> None:
        """Run at most ``size`` tasks at once; with 0 they wait for `run_inline`.

        ``wake`` is called, in the worker, after each task.
        """
        self.wake = wake
        self._pool = ThreadPoolExecutor(size, "LGI") if size else None
        self._guard = Lock()
        self._closed = False
        self._keys: set[Hashable] = set()
        self._pending: deque[tuple[Hashable, Task]] = deque()

    @property
    def busy(self) -> bool:
        """Whether any task is pending or running."""
        return bool(self._keys)

    def submit(self, key: Hashable, task: Task) -> bool:
        """Run a task; return False, and do nothing, while one of the same key is pending or running.

        After `close` tasks are dropped.
        """
        if self._closed:
            return True
        with self._guard:
            if key in self._keys:
                return False
            self._keys.add(key)
        if self._pool is None:
            self._pending.append((key, task))
        else:
            self._pool.submit(task).add_done_callback(partial(self._task_done, key))
        return True

    def run_inline(self) -> bool:
        """Run the pending tasks of a pool without threads in the caller; return whether there were any."""
        had_tasks = bool(self._pending)
        while self._pending:
            key, task = self._pending.popleft()
            try:
                task()
            finally:
                self._keys.discard(key)
        return had_tasks

    def close(self) -> None:
        """Wait until all running tasks have ended, and drop the pending ones."""
        self._closed = True
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _task_done(self, key: Hashable, future: "Future[None]") -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None:
            log.critical("internal error (please report); the daemon continues", exc_info=error)
        with self._guard:
            self._keys.discard(key)
        self.wake()
