"""When a resource last called, used its session or looked after a job: noted at once, stored in a second.

Every call of a resource says so much; none has to wait for a disk to have it written.
"""

import logging
from collections.abc import Callable, Mapping
from enum import Enum, auto

from lgi_protocol.errors import LGIError
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.db.write_behind import SECONDS, WriteBehind
from lgi_server.services.jobs import live_output
from lgi_server.tables import active_resources, running_sessions, submit_requests
from lgi_server.tables.job_queue import jobs

log = logging.getLogger("lgi.touches")
# So many rows at most in one statement.
AT_ONCE = 500
# Times of one kind that could not be stored are kept for the next time: so many, and none that is older.
MOST_KEPT, KEPT_SECONDS = 20_000, 600

Store = Callable[[Transaction, list[int], int], object]
Times = dict[int, int]


class Timestamp(Enum):
    """What happened; the number beside it is that of the resource, session or job."""

    RESOURCE_CALL = auto()
    SESSION_USE = auto()
    # A daemon has asked for a job's state.
    JOB_PULSE = auto()
    # Somebody looks at what a job puts out.
    JOB_WATCH = auto()
    # A submit was given an id: old ones may be forgotten. Its number is 0.
    SUBMIT_REQUEST = auto()


# What stores the times of a kind.
STORES: Mapping[Timestamp, Store] = {
    Timestamp.RESOURCE_CALL: active_resources.touch,
    Timestamp.SESSION_USE: running_sessions.renew,
    Timestamp.JOB_PULSE: jobs.set_pulses,
    Timestamp.JOB_WATCH: live_output.mark_watched,
    Timestamp.SUBMIT_REQUEST: submit_requests.forget_old,
}


class TimestampBatcher(WriteBehind[tuple[Timestamp, int], int]):
    """The times of one worker for one project: ``add((Timestamp.JOB_PULSE, job_id), now)``."""

    def __init__(
        self, database: Database, seconds: float = SECONDS, stores: Mapping[Timestamp, Store] = STORES
    ) -> None:
        """Nothing runs before the first time, which is after the workers were forked."""
        super().__init__(self._store_all, seconds)
        self._database = database
        self._stores = stores

    def _store_all(self, noted: dict[tuple[Timestamp, int], int]) -> Mapping[tuple[Timestamp, int], int]:
        """Store each kind by itself; what fails is kept for the next time."""
        kinds: dict[Timestamp, Times] = {}
        for (kind, number), now in noted.items():
            kinds.setdefault(kind, {})[number] = now
        kept = {}
        for kind, times in kinds.items():
            try:
                self._store_kind(self._stores[kind], times)
            except LGIError as error:
                log.warning("%d time stamps were not stored yet: %s", len(times), error)
                kept.update({(kind, number): at for number, at in _newest(times).items()})
            except Exception:
                # Nothing of one kind may end what stores the others, nor be tried for ever.
                log.exception("%d time stamps were not stored", len(times))
        return kept

    def _store_kind(self, store: Store, times: Times) -> None:
        """In the order of their numbers, so that two workers never wait for each other; what is done goes."""
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
    """Return the newest of them, and none that is much older."""
    oldest = max(times.values(), default=0) - KEPT_SECONDS
    newest = sorted(times.items(), key=lambda one: one[1], reverse=True)[:MOST_KEPT]
    return {number: at for number, at in newest if at > oldest}
