"""Passes notices of changed jobs from the worker that has changed them to the long polls of all workers.

A notice only saves a long poll the wait for its next query of the database: one that is lost, or a change by
another server or the scheduler, costs a tenth of a second.
"""

import json
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from lgi_server.db.pool import Database
from lgi_server.services.jobs.attach_sessions import SENT, SessionNews
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_queue.pending_work import ATTACHING

log = logging.getLogger("lgi.waiting")
# Of notices that are about a session of LGI_attach with the job: its state is as it was.
SESSION_STATES = frozenset({ATTACHING, SENT})
# In one message: some 50 kB.
MOST_NOTICES = 500


@dataclass(frozen=True)
class JobNotice:
    """The state that a commit has given to a job; ``deleted`` when there is no such job any more.

    One of `SESSION_STATES` is news of a session with it.
    """

    job_id: int
    state: str
    application: str


Receive = Callable[[Sequence[JobNotice]], None]
_News = queue.SimpleQueue[Sequence[JobRow | SessionNews]]


class Channel(Protocol):
    """What connects a worker with the others of its server."""

    def send(self, message: bytes) -> None:
        """Send a message to all others that can take one now."""

    def receive(self) -> bytes:
        """Wait for a message of another worker. Raises OSError."""


class Notices:
    """The notices of one worker."""

    def __init__(self) -> None:
        """Know no project."""
        self._projects: dict[str, tuple[Database, Receive]] = {}

    def add(self, project: str, database: Database, receive: Receive) -> None:
        """Pass the notices of a project to ``receive``, which must not wait."""
        self._projects[project] = database, receive

    def start(self, channel: Channel) -> None:
        """Pass on, from now on, what this worker commits, and receive what the others do."""
        for project, (database, _receive) in self._projects.items():
            news: _News = queue.SimpleQueue()
            # A call that has committed something does nothing else for those who wait for it.
            database.listener = news.put
            threading.Thread(target=self._keep_sending, args=(project, news, channel), daemon=True).start()
        threading.Thread(target=self._keep_receiving, args=(channel,), daemon=True).start()

    def _keep_sending(self, project: str, news: _News, channel: Channel) -> None:
        _database, receive = self._projects[project]
        while True:
            notices = [JobNotice(job.job_id, job.state, job.application) for job in news.get()]
            receive(notices)
            for begin in range(0, len(notices), MOST_NOTICES):
                some = notices[begin : begin + MOST_NOTICES]
                rows = [[one.job_id, one.state, one.application] for one in some]
                channel.send(json.dumps([project, rows]).encode())

    def _keep_receiving(self, channel: Channel) -> None:
        while True:
            try:
                message = channel.receive()
            except OSError as error:
                log.warning("no more notices of other workers: %s", error)
                return
            project, rows = json.loads(message)
            _database, receive = self._projects[project]
            receive([JobNotice(*row) for row in rows])
