"""LGIExecutor: each app of Parsl is a job of its own, and no worker needs to reach the submitting machine."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from threading import RLock
from typing import Any

from parsl.app.errors import wrap_error
from parsl.executors.base import ParslExecutor
from parsl.executors.errors import InvalidResourceSpecification

from lgi_parsl.job_deletion import end_jobs
from lgi_tools import JobExecutor, JobFuture, Project, ServerError, TransportError

logger = logging.getLogger(__name__)
# What an app may ask for, as other executors of Parsl have it, and as jobs request it.
_REQUESTS = {"cores": "cpus", "memory": "memory", "gpus": "gpus", "running_time_max": "walltime"}
# The code of the function that Parsl puts around each app, and that needs Parsl where the app runs.
_WRAPPER = wrap_error(lambda: None).__code__


class LGIExecutor(ParslExecutor):
    """Run each app as a job, with the options of `Project.executor` for all of them.

    An app may have ``parsl_resource_specification`` with ``cores``, ``memory`` (MB), ``gpus`` and
    ``running_time_max`` (seconds). A job without a result is a JobError of lgi_tools.
    """

    def __init__(self, label: str = "lgi", *, project: Project | None = None, **options: Any) -> None:
        """Use the project of ``~/.LGI`` unless one is given."""
        super().__init__()
        self.label = label
        self.project = project or Project()
        self._specifics: dict[str, str | int] = dict(options.pop("specifics", None) or {})
        self._options = options
        self._lock = RLock()
        self._is_shut_down = False
        self._executors: dict[frozenset[tuple[str, Any]], JobExecutor] = {}
        self._pending: set[JobFuture[Any]] = set()
        # An invalid option is an error of the program, and is to be seen at once.
        self._executor_for({})

    def submit(
        self, func: Callable[..., Any], resource_specification: Mapping[str, Any], *args: Any, **kwargs: Any
    ) -> "Future[Any]":
        """Call a function in a job. Raises InvalidResourceSpecification, and the errors of pickle."""
        unknown = set(resource_specification) - set(_REQUESTS)
        if unknown:
            raise InvalidResourceSpecification(unknown, f"jobs of LGI can have {', '.join(_REQUESTS)}")
        # An exception of the app is that of the future without it, too.
        if getattr(func, "__code__", None) is _WRAPPER:
            func = func.__wrapped__  # type: ignore[attr-defined]
        # Parsl may submit apps while it shuts down: each is one of those that are ended, or is refused.
        with self._lock:
            if self._is_shut_down:
                raise RuntimeError(f"the executor {self.label} has been shut down")
            future = self._executor_for(resource_specification).submit(func, *args, **kwargs)
            self._pending.add(future)
        future.add_done_callback(self._forget)
        return future

    def shutdown(self) -> None:
        """Remove the jobs that have not started, and abort those that run."""
        with self._lock:
            self._is_shut_down = True
            executors, pending = list(self._executors.values()), list(self._pending)
        try:
            for executor in executors:
                executor.shutdown(wait=False, cancel_futures=True)
            numbers = [future.job_id for future in pending if future.job_id and not future.done()]
            for number, reason in end_jobs(self.project, numbers).items():
                logger.warning("Job %s was not deleted: %s", number, reason)
        except (ServerError, TransportError) as error:
            logger.warning("The jobs that have not ended continue: %s", error)
        super().shutdown()

    def monitor_resources(self) -> bool:
        """Return False: Parsl's monitoring needs a connection to the submitting machine."""
        return False

    def _executor_for(self, resources: Mapping[str, Any]) -> JobExecutor:
        key = frozenset(resources.items())
        with self._lock:
            if key not in self._executors:
                asked = {_REQUESTS[name]: value for name, value in resources.items()}
                specifics = self._specifics | asked
                self._executors[key] = self.project.executor(specifics=specifics, **self._options)
            return self._executors[key]

    def _forget(self, future: "Future[Any]") -> None:
        with self._lock:
            self._pending.discard(future)
