"""Open lists of jobs: each waits until a job that it may show has changed.

One look at what has changed since the oldest of them was made serves all, however many there are and however
many jobs they show. That a job was deleted is not seen: it is gone from the list when that is made anew.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_server.background.long_poll import LongPollHub
from lgi_server.db.database import Database
from lgi_server.tables.job_queue import listing
from lgi_server.tables.job_queue.listing import ListCursor


@dataclass(frozen=True)
class ListSubscription:
    """An open list: who may read its jobs, when it was made (seconds), and what it knew of just then."""

    user: str
    names: tuple[str, ...]
    since: int
    known: frozenset[ListCursor]

    @property
    def caller(self) -> str:
        """The user."""
        return self.user

    def misses(self, place: ListCursor, readers: tuple[str, ...]) -> bool:
        """Whether a job that was changed, and who may read it, is news."""
        return (
            place.state_time_stamp >= self.since
            and place not in self.known
            and comma_lists.contains_any(readers, self.names)
        )


class ListLongPolls:
    """The open lists of one worker in one project."""

    def __init__(self, database: Database) -> None:
        """Nothing runs before somebody waits."""
        self._database = database
        self._waiters: LongPollHub[ListSubscription] = LongPollHub(self._look)

    def wait(self, listed: ListSubscription, seconds: float, has_gone: Callable[[], bool]) -> bool:
        """Return when there is news for a list, at the latest after so many seconds: whether so.

        Also when the waiter ``has_gone``. LGIError BACK_OFF when the user has too many waiters already.
        """
        return self._waiters.wait(listed, seconds, has_gone)

    def end(self) -> None:
        """Let everybody go: the worker is to end."""
        self._waiters.end()

    def _look(self) -> None:
        waiters = tuple(self._waiters)
        if not waiters:
            return
        since = min(waiter.wish.since for waiter in waiters)
        changed = self._database.run(
            lambda transaction: listing.changed_since(transaction, since), write=False
        )
        for waiter in waiters:
            if any(waiter.wish.misses(place, readers) for place, readers in changed):
                self._waiters.wake(waiter)
