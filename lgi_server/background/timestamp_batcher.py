"""Times of calls of resources, uses of sessions, heartbeats of jobs: stored in batches, within a second.

Every call of a resource brings such times; none has to wait until they are written to disk.
"""

import logging
from collections.abc import Callable, Mapping
from enum import Enum, auto

from lgi_protocol.errors import LGIError
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.db.write_behind import SECONDS, WriteBehind
from lgi_server.services.jobs import live_output
from lgi_server.tables import active_resources, api_tokens, running_sessions, submit_requests
from lgi_server.tables.job_queue import heartbeats

log = logging.getLogger("lgi.touches")
# Rows in one statement.
AT_ONCE = 500
# Times of one kind that could not be stored are kept for the next attempt: their number and greatest age.
MOST_KEPT, KEPT_SECONDS = 20_000, 600

Store = Callable[[Transaction, list[int], int], object]
Times = dict[int, int]


class Timestamp(Enum):
    """A kind of time; each is stored for a resource_id, session_id or job_id."""

    RESOURCE_CALL = auto()
    SESSION_USE = auto()
    # A daemon has asked for a job's state.
    JOB_PULSE = auto()
    # A user watches the output of a job.
    JOB_WATCH = auto()
    # A submit has brought a request_id: old ones may be deleted. Its number is 0.
    SUBMIT_REQUEST = auto()
    TOKEN_USE = auto()


# The function that stores the times of a kind.
STORES: Mapping[Timestamp, Store] = {
    Timestamp.RESOURCE_CALL: active_resources.touch,
    Timestamp.SESSION_USE: running_sessions.renew,
    Timestamp.JOB_PULSE: heartbeats.store,
    Timestamp.JOB_WATCH: live_output.mark_watched,
    Timestamp.SUBMIT_REQUEST: submit_requests.forget_old,
    Timestamp.TOKEN_USE: api_tokens.touch,
}


class TimestampBatcher(WriteBehind[tuple[Timestamp, int], int]):
    """The times of one worker and project not stored yet: ``add((Timestamp.JOB_PULSE, job_id), now)``."""

    def __init__(
        self, database: Database, seconds: float = SECONDS, stores: Mapping[Timestamp, Store] = STORES
    ) -> None:
        """Create the batcher; no thread runs before the first `add`, after the workers were forked."""
        super().__init__(self._store_all, seconds)
        self._database = database
        self._stores = stores

    def _store_all(self, pending: dict[tuple[Timestamp, int], int]) -> Mapping[tuple[Timestamp, int], int]:
        """Store each kind in its own transactions; return the times to try again."""
        kinds: dict[Timestamp, Times] = {}
        for (kind, number), now in pending.items():
            kinds.setdefault(kind, {})[number] = now
        kept = {}
        for kind, times in kinds.items():
            try:
                self._store_kind(self._stores[kind], times)
            except LGIError as error:
                log.warning("cannot store %d time stamps, will retry: %s", len(times), error)
                kept.update({(kind, number): at for number, at in _newest(times).items()})
            except Exception:
                # A fault in one kind must not stop the others, nor be repeated for ever.
                log.exception("%d time stamps are lost", len(times))
        return kept

    def _store_kind(self, store: Store, times: Times) -> None:
        """Store times and remove them from ``times``.

        Numbers are in ascending order, so that two workers cannot deadlock.
        """
        for now in sorted(set(times.values())):
            numbers = sorted(number for number, at in times.items() if at == now)
            for begin in range(0, len(numbers), AT_ONCE):
                chosen = numbers[begin : begin + AT_ONCE]

                def work(transaction: Transaction, chosen: list[int] = chosen, now: int = now) -> None:
                    store(transaction, chosen, now)

                self._database.run(work)
                for number in chosen:
                    del times[number]


def _newest(times: Times) -> Times:
    """Return the newest MOST_KEPT times, without those KEPT_SECONDS older than the newest."""
    oldest = max(times.values(), default=0) - KEPT_SECONDS
    newest = sorted(times.items(), key=lambda one: one[1], reverse=True)[:MOST_KEPT]
    return {number: at for number, at in newest if at > oldest}
