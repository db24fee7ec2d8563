"""Settle the futures of jobs as the jobs end."""

import logging
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from lgi_tools.client.executor.job_error import JobError
from lgi_tools.client.executor.job_future import JobFuture
from lgi_tools.client.job import Job
from lgi_tools.client.job_ends import JobEnds

if TYPE_CHECKING:
    from lgi_tools.client.project import Project

_log = logging.getLogger(__name__)
AnyFuture = JobFuture[Any]
# Seconds that a call is held for one of the jobs, after which the others are asked after.
_HELD = 2


class JobWatch:
    """Waits for the ends of jobs by a thread that lives as long as there are some.

    The interpreter does not wait for it at its end: the jobs continue on the server.
    """

    def __init__(self, project: "Project") -> None:
        """Wait for nothing yet."""
        self._project = project
        self._lock = Lock()
        self._futures: dict[int, AnyFuture] = {}
        self._thread: Thread | None = None
        self._has_new = self._has_warned = False

    def add(self, future: AnyFuture) -> None:
        """Settle a future when its job has ended."""
        with self._lock:
            self._futures[future.job_id] = future
            self._has_new = True
            if self._thread is None:
                self._thread = Thread(target=self._run, name="LGI job watch", daemon=True)
                self._thread.start()

    def take(self, job_id: int) -> AnyFuture | None:
        """Return the future of a job, which is not settled here any more; None when it is being settled."""
        with self._lock:
            return self._futures.pop(job_id, None)

    def _run(self) -> None:
        ends = JobEnds(self._project, [], self._warn_of_hold)
        while self._has_more(ends):
            try:
                found = ends.next_ended(is_called=lambda: self._has_new, longest=_HELD)
            except Exception as error:  # noqa: BLE001 - it is that of the futures
                for job_id in list(ends.pending):
                    self._fail(job_id, error)
                continue
            for job in found:
                if isinstance(job, int):
                    self._fail(job, JobError(job, "was deleted"))
                else:
                    self._settle(job.id)

    def _warn_of_hold(self, job: Job) -> None:
        """Warn of the first job that waits for somebody; `JobExecutor.cancel` holds jobs for a moment."""
        if job.id in self._futures and not self._has_warned:
            self._has_warned = True
            _log.warning("job %d is held, and starts when it is released: LGI_release %d", job.id, job.id)

    def _has_more(self, ends: JobEnds) -> bool:
        with self._lock:
            ends.wait_for(self._futures, look_at_all=self._has_new)
            self._has_new = False
            if not self._futures:
                self._thread = None
            return bool(self._futures)

    def _settle(self, job_id: int) -> None:
        future = self.take(job_id)
        if future is None:
            return
        try:
            result = future.read(self._project.wait(job_id))
        except Exception as error:  # noqa: BLE001 - whatever the function has raised
            future.note_error(error)
        else:
            future.note_result(result)

    def _fail(self, job_id: int, error: Exception) -> None:
        if future := self.take(job_id):
            future.note_error(error)
