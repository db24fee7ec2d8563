"""Sends the output of running jobs to their servers while users watch it, and only then.

A server names the watched jobs in a long-poll; one thread sends the new output of all of them every second.
It never changes a job: it reads open files, and an error ends the sending and nothing else.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lgi_daemon.files.file_tail import LiveOutput
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.job_table import JobTable
from lgi_daemon.servers.connections import BackingOffError, ServerConnections
from lgi_protocol.errors import ServerError, TransportError

log = logging.getLogger(__name__)

SEND_SECONDS = 1.0
# Per job and send; of a job that writes more only the end is sent.
MAX_BYTES = 32 * 1024
# Jobs at the same time; a server names the others again.
MAX_JOBS = 20
# Without new output the server is asked this often whether anybody still watches.
ASK_SECONDS = 5.0
# A held long-poll says for so long that we send the job's output: a user who returns must not wait for it.
LINGER_SECONDS = 45.0


@dataclass
class _SentJob:
    """A job whose output is sent; ``unwatched_at`` is since when nobody watches it."""

    job: LocalJob
    output: LiveOutput
    sent_at: float | None = None
    unwatched_at: float | None = None


class OutputSender:
    """Sends the output of all watched jobs."""

    def __init__(
        self,
        servers: ServerConnections,
        jobs: JobTable,
        stopping: Callable[[], bool],
        *,
        threaded: bool,
        clock: Callable[[], float] = time.monotonic,
        max_jobs: int = MAX_JOBS,
    ) -> None:
        """Run a thread while jobs are watched; not ``threaded``, `send_all` is called from outside."""
        self._max_jobs = max_jobs
        self._servers = servers
        self._jobs = jobs
        self._stopping = stopping
        self._threaded = threaded
        self._clock = clock
        self._sent: dict[str, _SentJob] = {}
        self._guard = threading.Lock()
        self._running = False

    def sending(self, project: str, server: str) -> tuple[str, ...]:
        """Return the numbers of the jobs of a server whose output is sent."""
        records = [sent.job.record for sent in list(self._sent.values())]
        return tuple(one.job_id for one in records if (one.project, one.server) == (project, server))

    def start(self, project: str, server: str, job_ids: Iterable[str]) -> None:
        """Send the output of these jobs of a server from now on, if they run here."""
        watched = set(job_ids)
        with self._guard:
            for job in self._jobs:
                record = job.record
                is_ours = (record.project, record.server) == (project, server) and record.job_id in watched
                if is_ours and record.reference not in self._sent and len(self._sent) < self._max_jobs:
                    files = job.run.files(record)
                    output = LiveOutput(files.path, job.run.state(record), files.owner)
                    self._sent[record.reference] = _SentJob(job, output)
            if self._threaded and self._sent and not self._running:
                self._running = True
                threading.Thread(target=self._run, name="LGI-output", daemon=True).start()

    def _run(self) -> None:
        try:
            while not self._is_done():
                self.send_all()
                time.sleep(SEND_SECONDS)
        finally:
            self._running = False

    def _is_done(self) -> bool:
        """Return whether nothing is left to send; a later `start` runs a new thread."""
        with self._guard:
            if self._stopping() or not self._sent:
                self._running = False
            return not self._running

    def send_all(self) -> None:
        """Send the new output of all jobs once."""
        for reference, sent in list(self._sent.items()):
            if not self._send(sent):
                with self._guard:
                    del self._sent[reference]
                sent.output.close()

    def _send(self, sent: _SentJob) -> bool:
        """Send the new output of a job; return whether to continue with it."""
        record, now = sent.job.record, self._clock()
        # Before the output is read: a job that has ended writes no more.
        complete = bool(record.ending) or sent.job.removed
        is_due = sent.sent_at is None or now >= sent.sent_at + ASK_SECONDS
        try:
            offset, data = sent.output.offset, b""
            if sent.unwatched_at is None or complete:
                offset, data = sent.output.read(MAX_BYTES)
            if not (data or complete or is_due):
                return True
            with self._servers.tracking(record.server):
                calls = self._servers.connect(record.project, record.server)
                watched = calls.send_tail(record.job_id, record.reference, offset, data, complete=complete)
        except (BackingOffError, ServerError, TransportError, OSError) as error:
            log.debug("%s: no longer sending its output: %s", record.title, error)
            return False
        sent.sent_at = now
        sent.unwatched_at = None if watched else (sent.unwatched_at or now)
        return not complete and (sent.unwatched_at is None or now < sent.unwatched_at + LINGER_SECONDS)
