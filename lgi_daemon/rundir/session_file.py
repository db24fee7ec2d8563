"""The sessions of a daemon at project servers, on disk: one that is killed leaves them to the next."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path
from threading import Lock

from lgi_daemon.files.preallocated_file import PreallocatedFile

log = logging.getLogger(__name__)

# Servers end unused sessions long before; and what one daemon has open at the same time is far less.
MAX_AGE, MAX_SESSIONS = 24 * 3600.0, 256
# Bytes of the file; that many sessions with long addresses fit.
_SIZE = 128 * 1024


@dataclass(frozen=True)
class StoredSession:
    """A session at a server; ``opened`` is in Unix seconds."""

    project: str
    server: str
    session_id: str
    opened: float


class SessionFile:
    """The file ``.sessions`` of a run directory, for several threads."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Read nothing yet."""
        self._path = path
        self._file = PreallocatedFile(path, _SIZE)
        self._clock = clock
        self._guard = Lock()
        self._sessions: list[StoredSession] = []
        self._on_disk: frozenset[StoredSession] = frozenset()

    def read(self) -> tuple[StoredSession, ...]:
        """Return the sessions that an earlier daemon has left; none when the file is damaged."""
        try:
            stored = [StoredSession(*fields) for fields in json.loads(self._path.read_bytes())]
            oldest = self._clock() - MAX_AGE
            self._sessions = [one for one in stored if one.opened > oldest][-MAX_SESSIONS:]
        except FileNotFoundError:
            pass
        except (OSError, TypeError, ValueError) as error:
            log.warning("cannot read %s: %s", self._path, error)
        return tuple(self._sessions)

    def add(self, project: str, server: str, session_id: str) -> StoredSession:
        """Return a session once it is on the disk; while that is full it is known in memory only (`has`)."""
        session = StoredSession(project, server, session_id, self._clock())
        with self._guard:
            self._sessions = [*self._sessions, session][-MAX_SESSIONS:]
            self._write(durable=True)
        return session

    def has(self, session: StoredSession) -> bool:
        """Return whether a session that has not ended is on the disk."""
        with self._guard:
            return session in self._on_disk

    def remove(self, session: StoredSession) -> None:
        """Forget a session that has ended. It does no harm when the disk still has it."""
        with self._guard:
            self._sessions = [one for one in self._sessions if one != session]
            self._write(durable=False)

    def _write(self, durable: bool) -> None:
        data = json.dumps([astuple(one) for one in self._sessions]).encode()
        try:
            self._file.write(data, durable)
        except (OSError, ValueError) as error:
            log.debug("cannot write %s: %s", self._path, error)
        else:
            self._on_disk = frozenset(self._sessions)
