"""Counters of the server, summed over its workers: calls and their time, offered and ended jobs, pages."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

# Upper limits in seconds; a call of a user waits up to 30 s for a lock.
BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "LGI_server-"
# Descriptors of directories that stay locked while the server or one of its workers runs.
_locked: list[int] = []


def share(parent: Path) -> None:
    """Keep the counters in a new directory LGI_server-PID-*, which all workers started later share.

    Directories of servers that were killed are removed first. Raises OSError when it cannot be created.
    """
    remove_abandoned(parent)
    os.environ[_DIRECTORY] = str(_create_locked(parent))
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]


def _create_locked(parent: Path) -> Path:
    while True:
        directory = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
        # A server that starts now may remove the directory before it is locked: then another one is made.
        with suppress(FileNotFoundError):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            if _lock(descriptor) and directory.exists():
                _locked.append(descriptor)
                return directory
            os.close(descriptor)


def remove_abandoned(parent: Path) -> None:
    """Remove the directories of this user's servers that no longer run."""
    for directory in parent.glob(f"{_PREFIX}[0-9]*-*"):
        try:
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if os.fstat(descriptor).st_uid == os.geteuid() and _lock(descriptor):
                shutil.rmtree(directory, ignore_errors=True)
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock a directory; False when a running server holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def forget(process: int) -> None:
    """Remove the gauges of a worker process that has ended."""
    mark_process_dead(process)  # type: ignore[no-untyped-call]


def end() -> None:
    """Remove the directory of the counters when the server stops."""
    shutil.rmtree(os.environ[_DIRECTORY], ignore_errors=True)


class Timer:
    """Measures how long a call takes, without the time that it waits as a long poll."""

    def __init__(self) -> None:
        """Start the timer."""
        self._begin = perf_counter()
        self.held = 0.0

    @property
    def seconds(self) -> float:
        """The seconds since the start, without those in ``held``."""
        return perf_counter() - self._begin - self.held


class Metrics:
    """The counters of one worker process; `registry` has the sums over all workers."""

    def __init__(self) -> None:
        """Create the counters, all 0."""
        self._own = CollectorRegistry()
        counter = partial(Counter, registry=self._own)
        self._calls = counter("lgi_calls", "Calls answered; error 0 is none", ["call", "error"])
        text = "Time to answer a call, without waiting"
        self._seconds = Histogram("lgi_call_seconds", text, ["call"], buckets=BUCKETS, registry=self._own)
        self._database = counter("lgi_database_seconds", "Time of calls in transactions", ["project"])
        text = "Jobs locked for a resource that asked for work"
        self._offered = counter("lgi_jobs_offered", text, ["project", "application"])
        text = "Jobs that daemons have reported as ended; result is succeeded, failed or unknown"
        self._ended = counter("lgi_jobs_ended", text, ["project", "application", "result"])
        text = "Calls that wait now"
        self._held = Gauge("lgi_held_requests", text, multiprocess_mode="livesum", registry=self._own)
        self._pages = counter("lgi_pages", "Pages and files answered", ["page", "status"])

    def registry(self) -> CollectorRegistry:
        """Return a new registry with the sums over all workers, to which collectors may be added."""
        registry = CollectorRegistry()
        if _DIRECTORY in os.environ:
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        else:
            registry.register(self._own)
        return registry

    def answered(self, call: str, error: int, timer: Timer) -> None:
        """Count an answered call; ``error`` is its error number or 0."""
        call = call.rpartition("/")[2]
        self._calls.labels(call, int(error)).inc()
        self._seconds.labels(call).observe(timer.seconds)

    def answered_page(self, page: str, status: int) -> None:
        """Count an answered page or file; ``status`` is that of HTTP."""
        self._pages.labels(page, status).inc()

    def offered(self, project: str, application: str, jobs: int) -> None:
        """Count jobs that were locked for a resource."""
        self._offered.labels(project, application).inc(jobs)

    def ended(self, project: str, application: str, result: str) -> None:
        """Count a job that a resource has reported as ended; ``result`` is a value of `Result`."""
        self._ended.labels(project, application, result).inc()

    @contextmanager
    def holding(self, timer: Timer) -> Iterator[None]:
        """Count a call as waiting while the block runs, and leave this time out of its timer."""
        begin = perf_counter()
        self._held.inc()
        try:
            yield
        finally:
            self._held.dec()
            timer.held += perf_counter() - begin

    @contextmanager
    def in_database(self, project: str) -> Iterator[None]:
        """Add the time of the block to the seconds that calls of a project spend in the database."""
        begin = perf_counter()
        try:
            yield
        finally:
            self._database.labels(project).inc(perf_counter() - begin)
