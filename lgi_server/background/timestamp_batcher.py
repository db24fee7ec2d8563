"""When a resource last called, used its session or looked after a job: noted at once, stored in a second.

Every call of a resource says so much; none has to wait for a disk to have it written. What a killed worker
takes with it is one second of it.
"""

import logging
import threading
import time
from collections.abc import Callable

from lgi_protocol.errors import LGIError
from lgi_server.db.database import Database, Transaction
from lgi_server.services.jobs import live_output
from lgi_server.tables import active_resources, running_sessions, submit_requests
from lgi_server.tables.job_queue import jobs

log = logging.getLogger("lgi.touches")
STORE_SECONDS = 1.0
# So many rows at most in one statement.
AT_ONCE = 500
# Notes of one kind that could not be stored are kept for the next time: so many, and none that is older.
MOST_KEPT, KEPT_SECONDS = 20_000, 600

Store = Callable[[Transaction, list[int], int], None]
Times = dict[int, int]


class TimestampBatcher:
    """The notes of one worker for one project."""

    def __init__(self, database: Database) -> None:
        """Nothing runs before the first note, which is after the workers were forked."""
        self._database = database
        self._lock = threading.Lock()
        self._notes: dict[Store, Times] = {}
        self._storing = False

    def resource(self, resource_id: int, now: int) -> None:
        """A resource has called."""
        self._note(active_resources.touch, resource_id, now)

    def session(self, session_id: int, now: int) -> None:
        """A session was used."""
        self._note(running_sessions.renew, session_id, now)

    def pulse(self, job_id: int, now: int) -> None:
        """A daemon has asked for a job's state."""
        self._note(jobs.set_pulses, job_id, now)

    def request(self, now: int) -> None:
        """A submit was given an id: old ones may be forgotten."""
        self._note(submit_requests.forget_old, 0, now)

    def look(self, job_id: int, now: int) -> None:
        """Somebody looks at what a job puts out."""
        self._note(live_output.mark_watched, job_id, now)

    def _note(self, store: Store, number: int, now: int) -> None:
        with self._lock:
            self._notes.setdefault(store, {})[number] = now
            if self._storing:
                return
            self._storing = True
        threading.Thread(target=self._store_soon, daemon=True).start()

    def _store_soon(self) -> None:
        """Store what has come together; ends when there is nothing, so that an idle worker does nothing."""
        while True:
            time.sleep(STORE_SECONDS)
            if not self.store():
                return

    def store(self) -> bool:
        """Store what has come together; whether there was anything. What fails is kept for the next time."""
        with self._lock:
            notes, self._notes = self._notes, {}
            if not notes:
                self._storing = False
                return False
        for store, times in notes.items():
            try:
                self._store(store, times)
            except LGIError as error:
                log.warning("%d time stamps were not stored yet: %s", len(times), error)
            except Exception:
                # Nothing of one kind may end what stores the others, nor be tried for ever.
                log.exception("%d time stamps were not stored", len(times))
                continue
            self._keep(store, times)
        return True

    def _store(self, store: Store, times: Times) -> None:
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

    def _keep(self, store: Store, times: Times) -> None:
        """Keep the newest of what is left, unless there are newer notes of the same by now."""
        oldest = max(times.values(), default=0) - KEPT_SECONDS
        newest = sorted(times.items(), key=lambda one: one[1], reverse=True)[:MOST_KEPT]
        with self._lock:
            for number, at in newest:
                if at > oldest:
                    self._notes.setdefault(store, {}).setdefault(number, at)
