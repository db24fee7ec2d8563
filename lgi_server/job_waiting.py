"""Users who wait for a job: until its state is another one than they know, or until it has ended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lgi_protocol import states
from lgi_server.database import Database
from lgi_server.tables import jobs
from lgi_server.waiters import Waiters


@dataclass(frozen=True)
class Known:
    """What a user knows of a job: its ``state``; empty when only its end is of interest."""

    user: str
    job_id: int
    state: str = ""

    @property
    def caller(self) -> str:
        """The user."""
        return self.user

    def is_so(self, state: str | None) -> bool:
        """Whether the state of the job is still no news; it has none when it is gone."""
        if state is None:
            return False
        return state == self.state if self.state else not states.has_ended(state)


class JobWaiting:
    """The waiting users of one worker in one project."""

    def __init__(self, database: Database) -> None:
        """Nothing runs before somebody waits."""
        self._database = database
        self._waiters: Waiters[Known] = Waiters(self._look)

    def __len__(self) -> int:
        return len(self._waiters)

    def wait(self, known: Known, seconds: float, has_gone: Callable[[], bool]) -> bool:
        """Return when there is news of the job, at the latest after so many seconds: whether so.

        Also when the waiter ``has_gone``. LGIError BACK_OFF when the user has too many waiters already.
        """
        return self._waiters.wait(known, seconds, has_gone)

    def end(self) -> None:
        """Let everybody go: the worker is to end."""
        self._waiters.end()

    def _look(self) -> None:
        job_ids = sorted({waiter.wish.job_id for waiter in self._waiters})
        self.tell(self._database.run(lambda transaction: jobs.states(transaction, job_ids), write=False))

    def tell(self, there: Mapping[int, str]) -> None:
        """Wake whoever has not known this; a job that is not there is gone."""
        for waiter in self._waiters:
            if not waiter.wish.is_so(there.get(waiter.wish.job_id)):
                self._waiters.wake(waiter)
