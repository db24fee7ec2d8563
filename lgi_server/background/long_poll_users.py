"""Long polls of users: for a change of one job, or of any job in a list that is open in a browser.

One query for all jobs, and one for all changes since the oldest list, serve all waiting calls. A list is not
notified of deleted jobs: they disappear when it is loaded again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists, states
from lgi_server.background.long_poll import LongPollHub, LongPollWaiter, Wake
from lgi_server.background.notices import SESSION_STATES, JobNotice
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables import job_tails
from lgi_server.tables.job_queue import jobs, listing
from lgi_server.tables.job_queue.listing import ListCursor


@dataclass(frozen=True)
class KnownJobState:
    """The last state of a job that a user has seen; an empty ``state`` waits for the end of the job.

    ``progress`` is that of its output (`job_tails.number`), None to ignore the output.
    """

    user: str
    job_id: int
    state: str = ""
    progress: int | None = None

    @property
    def caller(self) -> str:
        """The user."""
        return self.user

    def is_current(self, state: str | None, progress: int = 0) -> bool:
        """Return whether the user has seen all of a job's present state, which is None for a deleted job."""
        if state is None or (self.progress is not None and progress != self.progress):
            return False
        return state == self.state if self.state else not states.has_ended(state)


@dataclass(frozen=True)
class ListSubscription:
    """An open list of jobs that one of ``names`` may read.

    ``since`` is when it was loaded, in seconds; ``known`` are jobs of that second or later that it shows.
    """

    user: str
    names: tuple[str, ...]
    since: int
    known: frozenset[ListCursor]

    @property
    def caller(self) -> str:
        """The user."""
        return self.user

    def misses(self, changed: ListCursor, readers: tuple[str, ...]) -> bool:
        """Return whether a changed job, with these readers, belongs to the list and is not shown so."""
        return (
            changed.state_time_stamp >= self.since
            and changed not in self.known
            and comma_lists.contains_any(readers, self.names)
        )


_Waiter = LongPollWaiter[KnownJobState | ListSubscription]


class UserLongPolls:
    """The waiting calls of users in one worker and project."""

    def __init__(self, database: Database) -> None:
        """Create the hub; no thread runs before a call waits."""
        self._database = database
        self._waiters: LongPollHub[KnownJobState | ListSubscription] = LongPollHub(self._query)

    def __len__(self) -> int:
        return len(self._waiters)

    def wait(
        self, subscription: KnownJobState | ListSubscription, seconds: float, has_gone: Callable[[], bool]
    ) -> Wake | None:
        """Wait for a change as `LongPollHub.wait` does; LGIError BACK_OFF for too many waiting calls."""
        return self._waiters.wait(subscription, seconds, has_gone)

    def changed(self, notices: Sequence[JobNotice]) -> None:
        """Wake the calls that wait for a change of these jobs; their output, and lists, are queried for."""
        states_now = {one.job_id: one.state for one in notices if one.state not in SESSION_STATES}
        for waiter in self._waiters:
            known = waiter.subscription
            if isinstance(known, KnownJobState) and (state := states_now.get(known.job_id)):
                found = None if state == states.DELETED else state
                if not known.is_current(found, known.progress or 0):
                    self._waiters.wake(waiter)

    def end(self) -> None:
        """End all waits: the worker stops."""
        self._waiters.end()

    def _query(self) -> None:
        # A copy: calls that arrive during the queries are not compared with their results.
        pairs = [(waiter, waiter.subscription) for waiter in tuple(self._waiters)]
        for_jobs = [(waiter, known) for waiter, known in pairs if isinstance(known, KnownJobState)]
        lists = [(waiter, one) for waiter, one in pairs if isinstance(one, ListSubscription)]
        if for_jobs:
            self._query_jobs(for_jobs)
        if lists:
            self._query_lists(lists)

    def _query_jobs(self, waiters: "Sequence[tuple[_Waiter, KnownJobState]]") -> None:
        job_ids = sorted({known.job_id for _waiter, known in waiters})
        watched = sorted({known.job_id for _waiter, known in waiters if known.progress is not None})

        def work(transaction: Transaction) -> tuple[dict[int, str], dict[int, int]]:
            return jobs.states(transaction, job_ids), job_tails.progress(transaction, watched)

        states_now, progress = self._database.run(work, write=False)
        for waiter, known in waiters:
            if not known.is_current(states_now.get(known.job_id), progress.get(known.job_id, 0)):
                self._waiters.wake(waiter)

    def _query_lists(self, waiters: "Sequence[tuple[_Waiter, ListSubscription]]") -> None:
        since = min(one.since for _waiter, one in waiters)
        changed = self._database.run(
            lambda transaction: listing.changed_since(transaction, since), write=False
        )
        for waiter, one in waiters:
            if any(one.misses(cursor, readers) for cursor, readers in changed):
                self._waiters.wake(waiter)
