"""Users who wait: for a job, or with an open list of jobs until one that it may show has changed.

One query for all jobs, and one for what has changed since the oldest list was made, serve everybody. That a
job was deleted is not seen by a list: it is gone from the list when that is made anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists, states
from lgi_server.background.long_poll import LongPollHub, LongPollWaiter
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables import job_tails
from lgi_server.tables.job_queue import jobs, listing
from lgi_server.tables.job_queue.listing import ListCursor


@dataclass(frozen=True)
class KnownJobState:
    """What a user knows of a job: its ``state``; empty when only its end is of interest.

    ``progress`` is that of its output (`job_tails.number`), None when that is of no interest.
    """

    user: str
    job_id: int
    state: str = ""
    progress: int | None = None

    @property
    def caller(self) -> str:
        """The user."""
        return self.user

    def is_so(self, state: str | None, progress: int = 0) -> bool:
        """Return whether the state of the job is still no news; it has none when it is gone."""
        if state is None or (self.progress is not None and progress != self.progress):
            return False
        return state == self.state if self.state else not states.has_ended(state)


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
        """Return whether a job that was changed, and who may read it, is news."""
        return (
            place.state_time_stamp >= self.since
            and place not in self.known
            and comma_lists.contains_any(readers, self.names)
        )


_Waiter = LongPollWaiter[KnownJobState | ListSubscription]


class UserLongPolls:
    """The waiting users of one worker in one project."""

    def __init__(self, database: Database) -> None:
        """Nothing runs before somebody waits."""
        self._database = database
        self._waiters: LongPollHub[KnownJobState | ListSubscription] = LongPollHub(self._look)

    def __len__(self) -> int:
        return len(self._waiters)

    def wait(
        self, wish: KnownJobState | ListSubscription, seconds: float, has_gone: Callable[[], bool]
    ) -> bool:
        """Return when there is news, at the latest after so many seconds: whether so.

        Also when the waiter ``has_gone``. LGIError BACK_OFF when the user has too many waiters already.
        """
        return self._waiters.wait(wish, seconds, has_gone)

    def end(self) -> None:
        """Let everybody go: the worker is to end."""
        self._waiters.end()

    def _look(self) -> None:
        # Who comes while this is looked up is not meant.
        waiters = tuple(self._waiters)
        for_jobs = [(waiter, waiter.wish) for waiter in waiters if isinstance(waiter.wish, KnownJobState)]
        lists = [(waiter, waiter.wish) for waiter in waiters if isinstance(waiter.wish, ListSubscription)]
        if for_jobs:
            self._look_at_jobs(for_jobs)
        if lists:
            self._look_at_lists(lists)

    def _look_at_jobs(self, waiters: "Sequence[tuple[_Waiter, KnownJobState]]") -> None:
        job_ids = sorted({wish.job_id for _waiter, wish in waiters})
        watched = sorted({wish.job_id for _waiter, wish in waiters if wish.progress is not None})

        def work(transaction: Transaction) -> tuple[dict[int, str], dict[int, int]]:
            return jobs.states(transaction, job_ids), job_tails.progress(transaction, watched)

        states_now, progress = self._database.run(work, write=False)
        for waiter, wish in waiters:
            if not wish.is_so(states_now.get(wish.job_id), progress.get(wish.job_id, 0)):
                self._waiters.wake(waiter)

    def _look_at_lists(self, waiters: "Sequence[tuple[_Waiter, ListSubscription]]") -> None:
        since = min(wish.since for _waiter, wish in waiters)
        changed = self._database.run(
            lambda transaction: listing.changed_since(transaction, since), write=False
        )
        for waiter, wish in waiters:
            if any(wish.misses(place, readers) for place, readers in changed):
                self._waiters.wake(waiter)
