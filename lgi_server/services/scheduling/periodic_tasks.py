"""Periodic tasks, started by events: the scheduler that removes an event runs its task (wire.md 8).

A task is queued for the next multiple of its period. So several schedulers queue the same row, and a
scheduler that is killed between removing an event and running the task has queued the next one already.

An event that comes minutes late shows an outage of the machine or the database, or a clock that was set.
Daemons could not send heartbeats during an outage, so a task that judges by them is postponed.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lgi_protocol.errors import LGIError
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables import event_queue

log = logging.getLogger("lgi.scheduler")


@dataclass(frozen=True)
class PeriodicTask:
    """A task, called with the time in seconds, at each of its events and at least once in ``period`` seconds.

    A task whose event comes more than ``max_delay`` seconds late is postponed by a whole period.
    """

    period: int
    work: Callable[[int], object]
    max_delay: int | None = None

    def next(self, now: int) -> int:
        """Return the time of the next periodic run, in seconds."""
        return (now // self.period + 1) * self.period

    def is_postponed(self, delay: int) -> bool:
        """Return whether an event that comes so many seconds late postpones the task."""
        return self.max_delay is not None and delay > self.max_delay


class Schedule:
    """The periodic tasks of one project. Each may safely run twice, and in several schedulers at once."""

    def __init__(self, database: Database, tasks: Mapping[str, PeriodicTask]) -> None:
        """Create the schedule of ``tasks``, by the names of their events."""
        self._database = database
        self._tasks = tasks

    def begin(self, now: int) -> None:
        """Queue every task that is not queued for within its period.

        So the tasks continue after the table was emptied or the clock was set back.
        """

        def work(transaction: Transaction) -> None:
            for event, task in self._tasks.items():
                if not event_queue.is_queued(transaction, event, now + task.period):
                    event_queue.insert(transaction, event, task.next(now))

        self._database.run(work)

    def ask(self, event: str, now: int) -> None:
        """Queue an event for now."""
        self._database.run(lambda transaction: event_queue.insert(transaction, event, now))

    def run_due(self, now: int) -> list[str]:
        """Run the tasks of due events that no other scheduler has taken; return these events.

        Raises LGIError when the database cannot be reached.
        """
        due = self._database.run(lambda transaction: event_queue.due(transaction, now), write=False)
        return [event for event, when in due.items() if self._is_done(event, now, now - when)]

    def _is_done(self, event: str, now: int, delay: int) -> bool:
        task = self._tasks.get(event)
        postponed = task is not None and task.is_postponed(delay)
        if not self._take(event, now, postponed):
            return False
        if task is not None and postponed:
            log.warning("%s is postponed by %d s: its event is %d s late", event, task.period, delay)
            return False
        return self._do(event, now)

    def _take(self, event: str, now: int, postponed: bool) -> bool:
        """Remove an event and queue its next one, in one transaction; False if another scheduler has it."""
        task = self._tasks.get(event)

        def work(transaction: Transaction) -> bool:
            if not event_queue.take(transaction, event, now):
                return False
            if task is not None:
                when = now + task.period if postponed else task.next(now)
                event_queue.insert(transaction, event, when)
            return True

        return self._database.run(work)

    def _do(self, event: str, now: int) -> bool:
        """Run a task and return True, also when it fails: it runs again at its next time."""
        task = self._tasks.get(event)
        if task is None:
            log.warning("removed the unknown event %a", event)
            return True
        try:
            task.work(now)
        except LGIError as error:
            log.warning("%s failed: %s", event, error)
        except Exception:
            # A task may run a function of the site; whatever that raises, the other tasks go on.
            log.exception("%s failed", event)
        return True
