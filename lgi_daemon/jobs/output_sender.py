"""What running jobs put out, sent to their servers while somebody looks there, and only then.

A server names the jobs (`watch`); one thread sends what is new of all of them every second. It never touches
a job: it reads files that are open, and whatever goes wrong ends no more than the sending.
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

LOOK_SECONDS = 1.0
# Of one job at a look; of a job that puts out more only the end is sent.
MOST_BYTES = 32 * 1024
# So many jobs at once; the others are named again.
MOST_TAILS = 20
# Without news the server is asked so often whether anybody still looks.
ASK_SECONDS = 5.0
# A call that is held says for so long that we know of the job: somebody who comes back must not wait for it.
LINGER_SECONDS = 45.0


@dataclass
class _Tail:
    """A job that somebody looks at; ``left_at`` is since when nobody does."""

    job: LocalJob
    output: LiveOutput
    sent_at: float | None = None
    left_at: float | None = None


class OutputSender:
    """All jobs that somebody looks at."""

    def __init__(
        self,
        servers: ServerConnections,
        jobs: JobTable,
        stopping: Callable[[], bool],
        threaded: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing runs while nobody looks; not ``threaded``, `look` is called by hand."""
        self._servers = servers
        self._jobs = jobs
        self._stopping = stopping
        self._threaded = threaded
        self._clock = clock
        self._tails: dict[str, _Tail] = {}
        self._guard = threading.Lock()
        self._running = False

    def followed(self, project: str, server: str) -> tuple[str, ...]:
        """The numbers of the jobs of a server whose output is sent."""
        records = [tail.job.record for tail in list(self._tails.values())]
        return tuple(one.job_id for one in records if (one.project, one.server) == (project, server))

    def follow(self, project: str, server: str, job_ids: Iterable[str]) -> None:
        """Send the output of these jobs from now on, as far as they are ours."""
        wanted = set(job_ids)
        with self._guard:
            for job in self._jobs:
                record = job.record
                ours = (record.project, record.server) == (project, server) and record.job_id in wanted
                if ours and record.reference not in self._tails and len(self._tails) < MOST_TAILS:
                    files = job.run.files(record)
                    output = LiveOutput(files.path, job.run.state(record), files.owner)
                    self._tails[record.reference] = _Tail(job, output)
            if self._threaded and self._tails and not self._running:
                self._running = True
                threading.Thread(target=self._keep, name="LGI-tails", daemon=True).start()

    def _keep(self) -> None:
        try:
            while not self._over():
                self.look()
                time.sleep(LOOK_SECONDS)
        finally:
            self._running = False

    def _over(self) -> bool:
        """Whether nothing is left to do; whoever comes later begins anew."""
        with self._guard:
            if self._stopping() or not self._tails:
                self._running = False
            return not self._running

    def look(self) -> None:
        """Send what is new of all jobs."""
        for reference, tail in list(self._tails.items()):
            if not self._send(tail):
                with self._guard:
                    del self._tails[reference]
                tail.output.close()

    def _send(self, tail: _Tail) -> bool:
        """Whether to go on with a job."""
        record, now = tail.job.record, self._clock()
        # Asked before it is read: what has ended puts out no more.
        complete = bool(record.ending) or tail.job.gone
        is_due = tail.sent_at is None or now >= tail.sent_at + ASK_SECONDS
        try:
            offset, data = tail.output.offset, b""
            if tail.left_at is None or complete:
                offset, data = tail.output.read(MOST_BYTES)
            if not (data or complete or is_due):
                return True
            with self._servers.watching(record.server):
                calls = self._servers.connect(record.project, record.server)
                watched = calls.send_tail(record.job_id, record.reference, offset, data, complete=complete)
        except (BackingOffError, ServerError, TransportError, OSError) as error:
            log.debug("%s: its output is not sent any more: %s", record.title, error)
            return False
        tail.sent_at = now
        tail.left_at = None if watched else (tail.left_at or now)
        return not complete and (tail.left_at is None or now < tail.left_at + LINGER_SECONDS)
