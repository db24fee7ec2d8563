"""Tell, once, of a job that waits until somebody releases it, or another one that it follows."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from lgi_tools.client.job import Job

if TYPE_CHECKING:
    # It needs this module.
    from lgi_tools.client.project import Project

_Job = TypeVar("_Job", bound=Job)
# What is called with a held job.
OnHeld = Callable[[Job], object]
# Most jobs whose predecessors are looked at in one period, in seconds: each takes a few calls.
_MOST, _SECONDS = 4, 60.0


class HoldNotice:
    """Looks at jobs that are waited for; one that is released and held once more is told of again."""

    def __init__(self, on_held: OnHeld | None, project: "Project") -> None:
        """Call ``on_held``, if there is one, with each job that users or the scheduler hold.

        Also with one that a job follows: then that one is not among those that are looked at.
        """
        self._on_held = on_held
        self._project = project
        self._told: set[int] = set()
        self._begun = -_SECONDS
        self._looked: set[int] = set()

    def look(self, job: _Job) -> _Job:
        """Tell of a job if it is held, or one before it is, and was not before; return it."""
        if self._on_held is None:
            return job
        reasons = {one.reason for one in job.holds}
        if "user" not in reasons:
            self._told.discard(job.id)
        else:
            self._tell(job)
        if "after" in reasons:
            self._look_before(job)
        return job

    def _tell(self, job: Job) -> None:
        if self._on_held is not None and job.id not in self._told:
            self._told.add(job.id)
            self._on_held(job)

    def _look_before(self, job: Job) -> None:
        """Tell of held jobs that a job follows; of many jobs only some are looked at, each minute."""
        from lgi_tools.client.held_predecessors import held_predecessors

        now = time.monotonic()
        if now >= self._begun + _SECONDS:
            self._begun = now
            self._looked.clear()
        if job.id in self._looked or len(self._looked) >= _MOST:
            return
        self._looked.add(job.id)
        for one in held_predecessors(self._project, job):
            self._tell(one)
