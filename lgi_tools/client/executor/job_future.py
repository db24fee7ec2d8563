"""The future of a job: its result, when the job has ended."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from lgi_tools.client.job import Details
from lgi_tools.client.job_request import JobRequest

if TYPE_CHECKING:
    # It needs a module that needs this one.
    from lgi_tools.client.executor.job_executor import JobExecutor

_Result = TypeVar("_Result")


class JobFuture(Future[_Result]):
    """A future of `concurrent.futures` whose result is that of a job.

    It is pending until the job has ended: ``running`` is never true, since asking costs a call;
    `Project.job` has the state.
    """

    def __init__(
        self, executor: "JobExecutor", request: JobRequest, read: Callable[[Details], _Result]
    ) -> None:
        """Let ``read`` return the result of the job once it has ended; what it raises is the exception."""
        super().__init__()
        self._executor = executor
        self._sent = Event()
        self.request = request
        self.read = read
        # The file with the arguments of a function, which is removed when it has been sent.
        self.arguments: Path | None = None
        self.job_id = 0
        """The number of the job, 0 as long as it has not been sent or if it was refused."""

    def cancel(self) -> bool:
        """Remove the job unless it has started, and return whether it is removed.

        Raises the errors of `Project.hold` and `Project.delete`; then the job stays.
        """
        return self._executor.cancel([self]) == [True]

    def note_cancel(self) -> bool:
        """Become cancelled, for a job that does not exist any more or never did."""
        cancelled = super().cancel()
        if cancelled:
            # What waits for several futures is told by this.
            self.set_running_or_notify_cancel()
        return cancelled

    def note_sent(self, job_id: int) -> None:
        """Set the number of the job."""
        self.job_id = job_id
        self._sent.set()

    def wait_until_sent(self) -> int:
        """Return the number of the job when the server has answered; 0 when it was refused."""
        self._sent.wait()
        return self.job_id

    def note_result(self, result: _Result) -> None:
        """Set the result, unless the future was cancelled."""
        if self.set_running_or_notify_cancel():
            self.set_result(result)

    def note_error(self, error: BaseException) -> None:
        """Set the exception, unless the future was cancelled."""
        if self.set_running_or_notify_cancel():
            self.set_exception(error)
        self._sent.set()
