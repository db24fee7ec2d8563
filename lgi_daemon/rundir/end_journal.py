"""The ends of jobs that servers have got, kept for some days for a server that is restored from a backup.

Its database has such a job as it was at the backup: without its end it would be run again. Files and output
are not kept.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from threading import Lock

from lgi_daemon.rundir.record import JobRecord
from lgi_protocol.job_end import End

log = logging.getLogger(__name__)

# Of the file; then it becomes the old one, so that twice as much is kept. A line has about 200 bytes.
MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class ReportedEnd:
    """A line of the journal: the job, its ``state`` and end, and when it was reported, in Unix seconds."""

    reported_at: float
    project: str
    server: str
    job_id: str
    reference: str
    state: str
    exit_code: int | None
    exit_signal: int | None
    reason: str

    @property
    def end(self) -> End:
        """The end of the job."""
        return End(self.exit_code, self.exit_signal, self.reason)


class EndJournal:
    """The files ``.ended`` and ``.ended.old`` of a run directory, for several threads."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Read and write nothing yet."""
        self._path, self._old = path, path.with_name(f"{path.name}.old")
        self._clock = clock
        self._guard = Lock()

    def add(self, record: JobRecord, state: str) -> None:
        """Add the end of a job that its server has. A failure is logged: the job has ended all the same."""
        end = record.end
        line = ReportedEnd(
            self._clock(),
            record.project,
            record.server,
            record.job_id,
            record.reference,
            state,
            end.exit_code,
            end.exit_signal,
            end.reason,
        )
        try:
            with self._guard, self._path.open("ab") as file:
                file.write(f"{json.dumps(astuple(line))}\n".encode())
                if file.tell() > MOST_BYTES:
                    self._path.replace(self._old)
        except OSError as error:
            log.warning("%s: its end is not kept for a restored server: %s", record.title, error)

    def ends(self, project: str, server: str, since: float) -> list[ReportedEnd]:
        """Return the ends that a server was told since a time, the last one of each job."""
        with self._guard:
            lines = [*self._lines(self._old), *self._lines(self._path)]
        found = {
            (one.job_id, one.reference): one
            for one in lines
            if (one.project, one.server) == (project, server) and one.reported_at >= since
        }
        return list(found.values())

    def references(self) -> set[str]:
        """Return the references of all ends: no new job comes under them."""
        with self._guard:
            return {one.reference for one in [*self._lines(self._old), *self._lines(self._path)]}

    def _lines(self, path: Path) -> Iterator[ReportedEnd]:
        """Yield the lines of a file; one that was torn by a power cut is left out."""
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("cannot read %s: %s", path, error)
            return
        for line in text.splitlines():
            try:
                yield ReportedEnd(*json.loads(line))
            except (TypeError, ValueError):
                log.debug("%s has a damaged line", path)
