"""Resources that wait for something to do, instead of asking again and again.

A waiter is a greenlet and an event: no database connection, no place among the requests. One look at the
database every tenth of a second serves all waiters of a worker. A job that anybody may take wakes one waiter,
the one that has waited longest; when nobody has taken it a second later two more, then four, so that a
thousand resources do not run for one job. A job to be aborted wakes those who have it.

Several workers, or several servers on one database, each look for themselves and need not know of each other:
a waiter woken in vain waits again.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lgi_protocol import lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.database import Database
from lgi_server.tables import awaited
from lgi_server.tables.awaited import Awaited

log = logging.getLogger("lgi.waiting")
LOOK_SECONDS = 0.1
# One in so many waiters is looked at each time, whether its connection still is there.
PRESENCE = 10
# Of one resource, in one worker; several daemons may share its name.
MOST_EACH = 100
# Nobody needs to be told again so soon of a job that was not taken; each time it is twice as long.
AGAIN_SECONDS, LONGEST_AGAIN = 1.0, 60.0


class Nothing(Exception):
    """A call found nothing to answer and may wait for it; nothing was done."""

    def __init__(self, project: str, wish: "Wish", seconds: float) -> None:
        super().__init__("there is nothing yet")
        self.project = project
        self.wish = wish
        self.seconds = seconds


@dataclass(frozen=True)
class Wish:
    """What a resource waits for: jobs of applications for it, except those it knows of already.

    It may know that a job is ``queued`` and have to be told that it is ``aborting``.
    """

    resource: str
    applications: frozenset[str]
    queued: frozenset[int] = frozenset()
    aborting: frozenset[int] = frozenset()

    def is_met_by(self, job: Awaited) -> bool:
        """Whether the resource would want to be told of a job."""
        if job.application not in self.applications:
            return False
        if job.state == State.ABORTING:
            return job.job_id not in self.aborting and self.resource in job.target_resources
        return job.job_id not in self.queued and lists.holds(job.target_resources, [self.resource])


def _present() -> bool:
    return False


@dataclass(eq=False)
class _Waiter:
    wish: Wish
    has_gone: Callable[[], bool]
    woken: threading.Event = field(default_factory=threading.Event)


@dataclass
class _Told:
    """How many waiters were woken for a job, and when more of them may be."""

    waiters: int
    again: float
    pause: float


class Waiting:
    """The waiters of one worker in one project."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing runs before somebody waits; ``clock`` is in seconds."""
        self._database = database
        self._clock = clock
        # In the order of their coming.
        self._waiters: dict[_Waiter, None] = {}
        self._told: dict[tuple[int, str], _Told] = {}
        self._looking = False
        self._ended = False
        self._turn = 0

    def __len__(self) -> int:
        return len(self._waiters)

    def wait(self, wish: Wish, seconds: float, has_gone: Callable[[], bool] = _present) -> bool:
        """Return when there may be something for a wish, at the latest after so many seconds: whether so.

        Also when the waiter ``has_gone``. LGIError BACK_OFF when its resource has too many waiters already.
        """
        if self._ended:
            return False
        if sum(waiter.wish.resource == wish.resource for waiter in self._waiters) >= MOST_EACH:
            raise LGIError(ErrorNumber.BACK_OFF, f"{MOST_EACH} calls of this resource wait already")
        waiter = _Waiter(wish, has_gone)
        self._waiters[waiter] = None
        try:
            self._start_looking()
            return waiter.woken.wait(seconds)
        finally:
            self._waiters.pop(waiter, None)

    def end(self) -> None:
        """Let everybody go: the worker is to end."""
        self._ended = True
        for waiter in tuple(self._waiters):
            waiter.woken.set()

    def _start_looking(self) -> None:
        if not self._looking:
            self._looking = True
            threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        """Look as long as somebody waits."""
        try:
            while self._waiters and not self._ended:
                try:
                    self.tell(self._jobs())
                except LGIError as error:
                    log.warning("nobody is told of jobs: %s", error)
                    time.sleep(1)
                time.sleep(LOOK_SECONDS)
                self._dismiss_gone()
        finally:
            self._looking = False

    def _dismiss_gone(self) -> None:
        """Let those go whose connection has ended; not all are looked at each time."""
        self._turn = (self._turn + 1) % PRESENCE
        for number, waiter in enumerate(tuple(self._waiters)):
            if number % PRESENCE == self._turn and waiter.has_gone():
                self._waiters.pop(waiter, None)
                waiter.woken.set()

    def _jobs(self) -> list[Awaited]:
        applications = sorted({name for waiter in self._waiters for name in waiter.wish.applications})
        return self._database.run(lambda transaction: awaited.look(transaction, applications), write=False)

    def tell(self, jobs: Iterable[Awaited]) -> None:
        """Wake whoever is due to hear of these jobs, which are all there are."""
        now = self._clock()
        there: dict[tuple[int, str], _Told] = {}
        for job in jobs:
            told = self._told.get((job.job_id, job.state))
            if told is None or now >= told.again:
                told = self._tell_of(job, told, now)
            there[job.job_id, job.state] = told
        self._told = there

    def _tell_of(self, job: Awaited, told: _Told | None, now: float) -> _Told:
        number = 1 if told is None else 2 * told.waiters
        pause = AGAIN_SECONDS if told is None else min(2 * told.pause, LONGEST_AGAIN)
        if job.state == State.ABORTING:
            number = len(self._waiters)
        for waiter in tuple(self._waiters):
            if number and waiter.wish.is_met_by(job):
                number -= 1
                del self._waiters[waiter]
                waiter.woken.set()
        return _Told(1 if told is None else 2 * told.waiters, now + pause, pause)
