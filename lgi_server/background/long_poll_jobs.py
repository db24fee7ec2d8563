"""Users who wait for a job: until its state is another one than they know, or until it has ended."""

from collections.abc import Callable
from dataclasses import dataclass

from lgi_protocol import states
from lgi_server.background.long_poll import LongPollHub
from lgi_server.db.database import Database, Transaction
from lgi_server.tables import job_tails
from lgi_server.tables.job_queue import jobs


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
        """Whether the state of the job is still no news; it has none when it is gone."""
        if state is None or (self.progress is not None and progress != self.progress):
            return False
        return state == self.state if self.state else not states.has_ended(state)


class JobLongPolls:
    """The waiting users of one worker in one project."""

    def __init__(self, database: Database) -> None:
        """Nothing runs before somebody waits."""
        self._database = database
        self._waiters: LongPollHub[KnownJobState] = LongPollHub(self._look)

    def __len__(self) -> int:
        return len(self._waiters)

    def wait(self, known: KnownJobState, seconds: float, has_gone: Callable[[], bool]) -> bool:
        """Return when there is news of the job, at the latest after so many seconds: whether so.

        Also when the waiter ``has_gone``. LGIError BACK_OFF when the user has too many waiters already.
        """
        return self._waiters.wait(known, seconds, has_gone)

    def end(self) -> None:
        """Let everybody go: the worker is to end."""
        self._waiters.end()

    def _look(self) -> None:
        # Who comes while this is looked up is not meant.
        waiters = tuple(self._waiters)
        job_ids = sorted({waiter.wish.job_id for waiter in waiters})
        watched = sorted({waiter.wish.job_id for waiter in waiters if waiter.wish.progress is not None})

        def work(transaction: Transaction) -> tuple[dict[int, str], dict[int, int]]:
            return jobs.states(transaction, job_ids), job_tails.progress(transaction, watched)

        states, progress = self._database.run(work, write=False)
        for waiter in waiters:
            job_id = waiter.wish.job_id
            if not waiter.wish.is_so(states.get(job_id), progress.get(job_id, 0)):
                self._waiters.wake(waiter)
