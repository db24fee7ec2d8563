"""Tell, once, of a job that waits until somebody releases it."""

from collections.abc import Callable
from typing import TypeVar

from lgi_tools.client.job import Job

_Job = TypeVar("_Job", bound=Job)
# What is called with a held job.
OnHeld = Callable[[Job], object]


class HoldNotice:
    """Looks at jobs that are waited for; one that is released and held once more is told of again."""

    def __init__(self, on_held: OnHeld | None) -> None:
        """Call ``on_held``, if there is one, with each job that users or the scheduler hold."""
        self._on_held = on_held
        self._told: set[int] = set()

    def look(self, job: _Job) -> _Job:
        """Tell of a job if it is held and was not before; return it."""
        if not any(one.reason == "user" for one in job.holds):
            self._told.discard(job.id)
        elif self._on_held is not None and job.id not in self._told:
            self._told.add(job.id)
            self._on_held(job)
        return job
