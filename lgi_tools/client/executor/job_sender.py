"""Submit the jobs of futures in the background, as many as are waiting in one call."""

from collections.abc import Callable, Iterable, Sequence
from threading import Lock, Thread, current_thread
from typing import TYPE_CHECKING, Any

from lgi_tools.client.executor.job_future import JobFuture
from lgi_tools.client.job_request import Submission

if TYPE_CHECKING:
    from lgi_tools.client.project import Project

AnyFuture = JobFuture[Any]


class JobSender:
    """Sends jobs in their order by a thread that lives as long as there are some.

    The interpreter waits for that thread at its end, so that no job is lost that was given to it.
    """

    def __init__(self, project: "Project", sent: Callable[[AnyFuture], object]) -> None:
        """Call ``sent`` with each future whose job the server has taken."""
        self._project, self._sent = project, sent
        self._lock = Lock()
        self._waiting: list[AnyFuture] = []
        self._thread: Thread | None = None

    def send(self, futures: Iterable[AnyFuture]) -> None:
        """Send the jobs of these futures after those before."""
        with self._lock:
            self._waiting += futures
            if self._waiting and self._thread is None:
                self._thread = Thread(target=self._run, name="LGI job sender")
                self._thread.start()

    def withdraw(self, future: AnyFuture) -> bool:
        """Do not send a job, and return whether that was in time."""
        with self._lock:
            if future in self._waiting:
                self._waiting.remove(future)
                return True
        return False

    def is_current(self) -> bool:
        """Return whether this is the sending thread, as in a callback of a future: it cannot wait for it."""
        return current_thread() is self._thread

    def _run(self) -> None:
        while batch := self._next_batch():
            self._submit(batch)

    def _next_batch(self) -> Sequence[AnyFuture]:
        with self._lock:
            batch, self._waiting = self._waiting, []
            if not batch:
                self._thread = None
            return batch

    def _submit(self, batch: Sequence[AnyFuture]) -> None:
        left = iter(batch)
        try:
            requests = [future.request for future in batch]
            self._project.submit_many(requests, lambda outcome: self._settle(next(left), outcome))
        except Exception as error:  # noqa: BLE001 - it is that of the futures
            for future in left:
                future.note_error(error)

    def _settle(self, future: AnyFuture, outcome: Submission) -> None:
        if outcome.error:
            future.note_error(outcome.error)
            return
        # Known to the watch first: whoever waits for the number may take the future from there.
        future.job_id = outcome.job_id
        self._sent(future)
        future.note_sent(outcome.job_id)
