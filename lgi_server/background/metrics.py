"""What the server counts of itself, over all its workers: calls, their time, work handed out, waits."""

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

# Seconds; a call of a user waits for a lock up to 30.
BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "LGI_server-"
# Descriptors of directories, locked as long as the server or one of its workers lives.
_locked: list[int] = []


def share(parent: Path) -> None:
    """Keep the counters in a new directory LGI_server-PID-*, which all future workers share.

    Directories of servers that were killed are removed first. Raises OSError when none can be created.
    """
    remove_abandoned(parent)
    os.environ[_DIRECTORY] = str(_create_locked(parent))
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]


def _create_locked(parent: Path) -> Path:
    while True:
        directory = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
        # Another server that starts may take it for abandoned before it is locked: then there is another.
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
    """Remove the gauges of a worker that has ended."""
    mark_process_dead(process)  # type: ignore[no-untyped-call]


def end() -> None:
    """Nobody counts any more."""
    shutil.rmtree(os.environ[_DIRECTORY], ignore_errors=True)


class Timer:
    """How long a call took, without the time it was held."""

    def __init__(self) -> None:
        """Begins now."""
        self._begin = perf_counter()
        self.held = 0.0

    @property
    def seconds(self) -> float:
        """Since its begin."""
        return perf_counter() - self._begin - self.held


class Metrics:
    """The counters of one server process; their sums are told by `registry`."""

    def __init__(self) -> None:
        """Begins at nothing."""
        self._own = CollectorRegistry()
        counter = partial(Counter, registry=self._own)
        self._calls = counter("lgi_calls", "Calls answered; error 0 is none", ["call", "error"])
        told = "Time to answer a call, without waiting"
        self._seconds = Histogram("lgi_call_seconds", told, ["call"], buckets=BUCKETS, registry=self._own)
        self._database = counter("lgi_database_seconds", "Time of calls in transactions", ["project"])
        told = "Jobs locked for a resource that asked for work"
        self._offered = counter("lgi_jobs_offered", told, ["project", "application"])
        told = "Jobs that daemons have brought to an end; result is succeeded, failed or unknown"
        self._ended = counter("lgi_jobs_ended", told, ["project", "application", "result"])
        told = "Calls that wait now"
        self._held = Gauge("lgi_held_requests", told, multiprocess_mode="livesum", registry=self._own)
        self._pages = counter("lgi_pages", "Pages and files answered", ["page", "status"])

    def registry(self) -> CollectorRegistry:
        """Return what all workers have counted, in a registry of its own that may be added to."""
        registry = CollectorRegistry()
        if _DIRECTORY in os.environ:
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        else:
            registry.register(self._own)
        return registry

    def answered(self, call: str, error: int, timer: Timer) -> None:
        """Count a call that was answered, with an error number or 0."""
        call = call.rpartition("/")[2]
        self._calls.labels(call, int(error)).inc()
        self._seconds.labels(call).observe(timer.seconds)

    def answered_page(self, page: str, status: int) -> None:
        """Count a page or file that was answered."""
        self._pages.labels(page, status).inc()

    def offered(self, project: str, application: str, jobs: int) -> None:
        """Jobs were locked for a resource."""
        self._offered.labels(project, application).inc(jobs)

    def ended(self, project: str, application: str, result: str) -> None:
        """Count a job whose end a resource has reported."""
        self._ended.labels(project, application, result).inc()

    @contextmanager
    def holding(self, timer: Timer) -> Iterator[None]:
        """Count a call that waits while the block runs."""
        begin = perf_counter()
        self._held.inc()
        try:
            yield
        finally:
            self._held.dec()
            timer.held += perf_counter() - begin

    @contextmanager
    def in_database(self, project: str) -> Iterator[None]:
        """Count a call and the seconds it spends in the database."""
        begin = perf_counter()
        try:
            yield
        finally:
            self._database.labels(project).inc(perf_counter() - begin)
