"""Events and the duties that answer them: an event belongs to whoever removes it (wire.md 8).

A duty is queued for the next multiple of its period. Several schedulers then queue one and the same row, and
a scheduler that is killed between taking an event and doing it has queued the next one already.

An event that nobody took for minutes tells of an outage - the machine or the database was off - or of a clock
that was set. Whoever is judged by his silence could not be heard then.
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
    """What is done at an event, given the time, and at the latest every so many seconds.

    One with ``patience`` is put off by a whole period when it comes more seconds late than that.
    """

    period: int
    work: Callable[[int], object]
    patience: int | None = None

    def next(self, now: int) -> int:
        """Return when it is done next if nobody asks for it before."""
        return (now // self.period + 1) * self.period

    def is_put_off(self, late: int) -> bool:
        """Return whether it is too late to be done now."""
        return self.patience is not None and late > self.patience


class Schedule:
    """The duties of one project. What is done is safe to be done twice, and by several at once."""

    def __init__(self, database: Database, duties: Mapping[str, PeriodicTask]) -> None:
        """Create a schedule; the names of ``duties`` are those of their events."""
        self._database = database
        self._duties = duties

    def begin(self, now: int) -> None:
        """Queue every duty that is not queued for within its period.

        Whoever has emptied the table has stopped nothing, and whoever has set the clock back neither.
        """

        def work(transaction: Transaction) -> None:
            for event, duty in self._duties.items():
                if not event_queue.is_queued(transaction, event, now + duty.period):
                    event_queue.insert(transaction, event, duty.next(now))

        self._database.run(work)

    def ask(self, event: str, now: int) -> None:
        """Have a duty done now."""
        self._database.run(lambda transaction: event_queue.insert(transaction, event, now))

    def turn(self, now: int) -> list[str]:
        """Do what is due and nobody else has taken; answer the events. LGIError when the database is away."""
        due = self._database.run(lambda transaction: event_queue.due(transaction, now), write=False)
        return [event for event, when in due.items() if self._is_done(event, now, now - when)]

    def _is_done(self, event: str, now: int, late: int) -> bool:
        duty = self._duties.get(event)
        put_off = duty is not None and duty.is_put_off(late)
        if not self._take(event, now, put_off):
            return False
        if duty is not None and put_off:
            log.warning("%s is put off by %d s: it is %d s late", event, duty.period, late)
            return False
        return self._do(event, now)

    def _take(self, event: str, now: int, put_off: bool) -> bool:
        """Return whether an event is ours; its duty is queued again in the same transaction."""
        duty = self._duties.get(event)

        def work(transaction: Transaction) -> bool:
            if not event_queue.take(transaction, event, now):
                return False
            if duty is not None:
                event_queue.insert(transaction, event, now + duty.period if put_off else duty.next(now))
            return True

        return self._database.run(work)

    def _do(self, event: str, now: int) -> bool:
        """Run a task and return true: one that fails is run again at its next time."""
        duty = self._duties.get(event)
        if duty is None:
            log.warning("event %a is none of ours, it was removed", event)
            return True
        try:
            duty.work(now)
        except LGIError as error:
            log.warning("%s was not done: %s", event, error)
        except Exception:
            # A duty may run a function of the site; whatever it raises, sessions still have to end.
            log.exception("%s was not done", event)
        return True
