"""The ends of many jobs, in the order in which they come."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from lgi_protocol.errors import ErrorNumber, ServerError
from lgi_tools.client.hold_notice import HoldNotice, OnHeld
from lgi_tools.client.job import Job
from lgi_tools.client.polling import Outage, poll_until
from lgi_tools.client.selection import Selection, read_numbers

if TYPE_CHECKING:
    from lgi_tools.client.project import Project

# Seconds that a call is held for one of the jobs, so that the others are asked after soon.
_HELD = 5
# Seconds after which all jobs are asked after, since a list of changes does not have deleted ones.
_ALL = 30.0


class JobEnds:
    """The jobs of which the end has not come yet; ``pending`` are their numbers, in the order given."""

    def __init__(self, project: "Project", job_ids: Sequence[int], on_held: OnHeld | None = None) -> None:
        """Wait for jobs with these numbers; ``on_held`` is called with those that are held (`HoldNotice`)."""
        self._project = project
        self.pending = dict.fromkeys(job_ids)
        self._since = 0
        self._asked_all = -_ALL
        self._notice = HoldNotice(on_held, project)

    def follow(
        self,
        timeout: float | None = None,
        on_outage: Callable[[Outage], object] | None = None,
        on_held: OnHeld | None = None,
    ) -> Iterator[list[Job | int]]:
        """Yield the jobs that have ended, as soon as it is known; a job that does not exist as its number.

        Raises TimeoutError ``timeout`` seconds after the start, OutageError as `Project.wait` does, also with
        ``on_outage`` and ``on_held``, ServerError for a job that may not be read, UnknownFilterError from an
        older server.
        """
        end = None if timeout is None else time.monotonic() + timeout
        if on_held:
            self._notice = HoldNotice(on_held, self._project)
        while self.pending:
            left = None if end is None else max(0.0, end - time.monotonic())
            yield self.next_ended(left, on_outage)

    def next_ended(
        self,
        timeout: float | None = None,
        on_outage: Callable[[Outage], object] | None = None,
        is_called: Callable[[], bool] = lambda: False,
        longest: int = _HELD,
    ) -> list[Job | int]:
        """Return the next jobs that have ended, as `follow` yields them; none when ``is_called`` is true.

        A call is held for ``longest`` seconds.
        """
        return poll_until(
            self._ask,
            lambda found: bool(found) or is_called(),
            timeout,
            longest=longest,
            answered=self._since > 0,
            on_outage=on_outage,
            timing=self._project.timing,
        )

    def wait_for(self, job_ids: Iterable[int], *, look_at_all: bool) -> None:
        """Wait for these jobs from now on; ``look_at_all``: some of them may have ended long ago."""
        self.pending = dict.fromkeys(job_ids)
        if look_at_all:
            self._asked_all = -_ALL

    def _ask(self, held: int) -> list[Job | int]:
        # A job that is new here may have ended already.
        if held and self._asked_all > -_ALL:
            self._hold(held)
        now = time.monotonic()
        if now < self._asked_all + _ALL:
            return self._ended(self._select(self._since))
        found = self._select(0)
        known = {job.id for job in found}
        gone = [job_id for job_id in self.pending if job_id not in known and self._is_gone(job_id)]
        self._asked_all = now
        for job_id in gone:
            del self.pending[job_id]
        return [*gone, *self._ended(found)]

    def _hold(self, seconds: int) -> None:
        """Wait for the end of the first job, but not long."""
        try:
            self._project.wait(next(iter(self.pending)), seconds)
        except TimeoutError:
            return
        except ServerError as error:
            if error.number != ErrorNumber.NO_JOB:
                raise
            # It was deleted.
            self._asked_all = -_ALL

    def _select(self, since: int) -> list[Job]:
        numbers = read_numbers(map(str, self.pending))
        return list(self._project.select(Selection(numbers=numbers, since=since)))

    def _ended(self, found: Sequence[Job]) -> list[Job | int]:
        self._since = max([self._since, *(int(job.changed.timestamp()) for job in found)])
        ended = [job for job in map(self._notice.look, found) if job.ended and job.id in self.pending]
        for job in ended:
            del self.pending[job.id]
        return list(ended)

    def _is_gone(self, job_id: int) -> bool:
        try:
            self._project.job(job_id)
        except ServerError as error:
            if error.number != ErrorNumber.NO_JOB:
                raise
            return True
        return False
