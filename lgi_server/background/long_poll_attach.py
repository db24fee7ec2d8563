"""Long polls of both ends of sessions of LGI_attach: for data of the other end, or the end of the session."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lgi_server.background.long_poll import LongPollHub, Wake
from lgi_server.background.notices import JobNotice
from lgi_server.db.pool import Database
from lgi_server.services.jobs.attach_sessions import SENT, Side
from lgi_server.tables import attach_sessions


@dataclass(frozen=True)
class AttachSubscription:
    """What one end of a session waits for: more than the ``length`` bytes that the other end had sent."""

    caller: str
    token: str
    side: Side
    length: int

    def is_current(self, lengths: tuple[int, int, bool] | None) -> bool:
        """Return whether the session goes on and has no more data; ``lengths`` as of the table."""
        if lengths is None:
            return False
        inputs, outputs, has_ended = lengths
        return not has_ended and (outputs if self.side is Side.USER else inputs) <= self.length


class AttachLongPolls:
    """The waiting calls of sessions in one worker and project."""

    def __init__(self, database: Database) -> None:
        """Create the hub; no thread runs before a call waits."""
        self._database = database
        self._waiters: LongPollHub[AttachSubscription] = LongPollHub(self._query)

    def __len__(self) -> int:
        return len(self._waiters)

    def wait(
        self, subscription: AttachSubscription, seconds: float, has_gone: Callable[[], bool]
    ) -> Wake | None:
        """Wait for data as `LongPollHub.wait` does; LGIError BACK_OFF for too many waiting calls."""
        return self._waiters.wait(subscription, seconds, has_gone)

    def changed(self, notices: Sequence[JobNotice]) -> None:
        """Query soon when a session has new data."""
        if len(self._waiters) and any(one.state == SENT for one in notices):
            self._waiters.hasten()

    def end(self) -> None:
        """End all waits: the worker stops."""
        self._waiters.end()

    def _query(self) -> None:
        waiters = tuple(self._waiters)
        tokens = sorted({waiter.subscription.token for waiter in waiters})
        if not tokens:
            return
        found = self._database.run(
            lambda transaction: attach_sessions.lengths(transaction, tokens), write=False
        )
        for waiter in waiters:
            if not waiter.subscription.is_current(found.get(waiter.subscription.token)):
                self._waiters.wake(waiter)
