"""JobExecutor: functions and command lines as jobs, with the futures of `concurrent.futures`."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures import wait as wait_for_all
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from lgi_protocol import labels
from lgi_protocol.errors import ServerError, TransportError
from lgi_tools.client import command_line, submission
from lgi_tools.client.executor.function_bundle import Call, FunctionBundles
from lgi_tools.client.executor.function_result import fetch_result, load_values
from lgi_tools.client.executor.job_future import JobFuture
from lgi_tools.client.executor.job_sender import JobSender
from lgi_tools.client.executor.job_watch import JobWatch
from lgi_tools.client.job import Details
from lgi_tools.client.job_progress import Progress
from lgi_tools.client.job_request import JobRequest
from lgi_tools.client.polling import poll_until
from lgi_tools.client.result import Result, result_of
from lgi_tools.client.text import shortened

if TYPE_CHECKING:
    from lgi_tools.client.project import Project

_Arguments = ParamSpec("_Arguments")
_Value = TypeVar("_Value")


class JobExecutor(Executor):
    """An executor of `concurrent.futures` whose calls are jobs of a project; made by `Project.executor`.

    A function and its arguments are pickled when they are submitted, and called by the same version of Python
    where the job runs. What the function raises there is the exception of the future. A job without a
    result - it was aborted or killed, its result cannot be pickled or loaded - is a JobError, a job that the
    server refuses a ServerError, a server that is away for ten minutes an OutageError. It is safe for
    concurrent threads, as the project is.
    """

    def __init__(
        self, project: "Project", template: JobRequest, *, python: str = "", keep: bool = True
    ) -> None:
        """Make jobs like ``template``. Without ``keep`` those of returned values are deleted."""
        self._project, self._template, self._python, self._keep = project, template, python, keep
        self._lock = Lock()
        self._is_shut_down = False
        self._bundles: FunctionBundles | None = None
        self._job_ids: list[int] = []
        # Those whose jobs have not ended, and of these the ones whose jobs have not been sent.
        self._open: set[JobFuture[Any]] = set()
        self._unsent: set[JobFuture[Any]] = set()
        self._watch = JobWatch(project)
        self._sender = JobSender(project, self._note_sent)

    def submit(
        self, fn: Callable[_Arguments, _Value], /, *args: _Arguments.args, **kwargs: _Arguments.kwargs
    ) -> JobFuture[_Value]:
        """Call a function in a job. Raises what pickling it raises, mostly TypeError or PicklingError."""
        (future,) = self._call(fn, [[(args, kwargs)]], lambda values: values[0])
        return future

    def map(
        self,
        fn: Callable[..., _Value],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[_Value]:
        """Call a function with each of the arguments, ``chunksize`` calls in a job; yield values in order.

        All jobs are submitted at once. Raises TimeoutError ``timeout`` seconds after the call; jobs that have
        not started are cancelled when the iterator is closed, and at an exception. One call that raises is
        the exception of all calls of its job.
        """
        if chunksize < 1:
            raise ValueError(f"chunksize is {chunksize}: give a number from 1")
        end = None if timeout is None else time.monotonic() + timeout
        calls: list[Call] = [(one, {}) for one in zip(*iterables, strict=False)]
        jobs = [calls[begin : begin + chunksize] for begin in range(0, len(calls), chunksize)]
        return self._values(self._call(fn, jobs, list), end)

    def submit_command(self, words: Sequence[str], *, files: Iterable[str | Path] = ()) -> JobFuture[Result]:
        """Run a command line as LGI_run does: a program with a relative path and ``files`` are sent with it.

        The result is that of `Project.result`, whatever the exit code. Raises ValueError for words that
        cannot be sent.
        """
        if isinstance(words, str):
            raise ValueError(f"{shortened(words)!r} is one text: give a list of words, as ['ls', '-l']")
        line = command_line.of_words(list(words), [str(name) for name in files])
        more = tuple(name for name in self._template.paths() if name not in line.files)
        return self.submit_request(replace(self._template, input=line.input, files=(*more, *line.files)))

    def submit_request(self, request: JobRequest) -> JobFuture[Result]:
        """Submit a job of any application; the result is that of `Project.result`."""
        future: JobFuture[Result] = JobFuture(self, request, result_of)
        self._send([future])
        return future

    def progress(self) -> Progress:
        """Return how far the jobs of this executor are, without those that were deleted."""
        with self._lock:
            numbers = list(self._job_ids)
        return self._project.progress(numbers=numbers) if numbers else Progress()

    def cancel(self, futures: Iterable[JobFuture[Any]]) -> list[bool]:
        """Remove the jobs that have not started; return whether each of the futures is cancelled.

        A job that runs continues: `Project.delete` aborts it.
        """
        futures = list(futures)
        queued: dict[int, JobFuture[Any]] = {}
        for future in futures:
            if self._sender.withdraw(future):
                future.note_cancel()
            elif not future.done():
                job_id = future.job_id if self._sender.is_current() else future.wait_until_sent()
                if self._watch.take(job_id):
                    queued[job_id] = future
        self._remove(queued)
        return [future.cancelled() for future in futures]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and wait for the jobs of all that were taken.

        With ``cancel_futures`` those that have not started are removed. Without ``wait`` the jobs continue on
        the server, also when the program ends; all are sent before that.
        """
        with self._lock:
            self._is_shut_down = True
            left = list(self._open)
        if cancel_futures:
            self.cancel(left)
        self._remove_files()
        if wait:
            wait_for_all(left)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for all jobs; at an interrupt remove those that have not started, and do not wait."""
        interrupted = error is not None and not isinstance(error, Exception)
        # A server that does not answer is not what the caller is to see of an interrupt.
        with suppress(*((ServerError, TransportError) if interrupted else ())):
            self.shutdown(wait=not interrupted, cancel_futures=interrupted)

    def _call(
        self, fn: Callable[..., Any], jobs: Sequence[Sequence[Call]], pick: Callable[[list[Any]], Any]
    ) -> list[JobFuture[Any]]:
        """Make a future for each job, which are some calls of the function; its result is what is picked."""
        self._check_open()
        bundles, archive = self._bundles_of(fn)
        futures = []
        for calls in jobs:
            arguments = bundles.arguments(calls)
            files = (*self._template.paths(), archive, arguments)
            name = self._template.name or _name_of(fn)
            request = replace(self._template, input=bundles.script(files), files=files, name=name)
            future: JobFuture[Any] = JobFuture(self, request, lambda job: pick(self._values_of(job)))
            future.arguments = arguments
            futures.append(future)
        self._send(futures)
        return futures

    def _bundles_of(self, fn: Callable[..., Any]) -> tuple[FunctionBundles, Path]:
        with self._lock:
            self._bundles = self._bundles or FunctionBundles(self._python)
            return self._bundles, self._bundles.archive(fn)

    def _send(self, futures: Sequence[JobFuture[Any]]) -> None:
        """Send jobs. Raises ValueError and OSError for one that cannot be sent, before any is."""
        for future in futures:
            submission.read_request(future.request)
        with self._lock:
            self._check_open()
            self._open.update(futures)
            self._unsent.update(futures)
            for future in futures:
                future.add_done_callback(self._forget)
            self._sender.send(futures)

    def _forget(self, future: "Future[Any]") -> None:
        with self._lock:
            self._open.discard(future)
            self._unsent.discard(future)
        self._remove_files()

    def _remove_files(self) -> None:
        """Remove the files of functions when no job needs them any more."""
        with self._lock:
            is_over = self._is_shut_down and not self._unsent
        if is_over and self._bundles:
            self._bundles.close()

    def _check_open(self) -> None:
        if self._is_shut_down:
            raise RuntimeError("cannot schedule new futures after shutdown")

    def _note_sent(self, future: JobFuture[Any]) -> None:
        self._job_ids.append(future.job_id)
        if self._bundles and future.arguments:
            self._bundles.discard(future.arguments)
        self._watch.add(future)
        with self._lock:
            self._unsent.discard(future)
        self._remove_files()

    def _values_of(self, job: Details) -> list[Any]:
        """Return the values that a job has stored, or raise what its function has raised."""
        content = poll_until(
            lambda _: fetch_result(job, self._project.files(job)),
            lambda _: True,
            answered=True,
            timing=self._project.timing,
        )
        values = load_values(job.id, content)
        if not self._keep:
            with suppress(ServerError, TransportError):
                self._project.delete(job)
        return values

    def _values(self, futures: list[JobFuture[list[_Value]]], end: float | None) -> Iterator[_Value]:
        futures.reverse()
        try:
            while futures:
                left = None if end is None else max(0.0, end - time.monotonic())
                # Popped after it, to be cancelled at a timeout, so that no value is kept for longer.
                values = futures[-1].result(left)
                futures.pop()
                yield from values
        finally:
            self.cancel(futures)

    def _remove(self, queued: dict[int, JobFuture[Any]]) -> None:
        """Delete jobs that have not started. Held first: they cannot start before they are deleted."""
        left = dict(queued)
        try:
            for outcome in self._project.hold(queued) if queued else ():
                if outcome.error is None and self._project.delete(outcome.job_id):
                    left.pop(outcome.job_id).note_cancel()
        finally:
            for future in left.values():
                self._watch.add(future)


def _name_of(fn: Callable[..., Any]) -> str:
    """Return the name of a function as the name of its job, empty when no job can have it."""
    with suppress(ValueError):
        return labels.check_name(str(getattr(fn, "__name__", "")))
    return ""
