"""Files on their way into a repository: what they take of the disk, and for whom.

The name of each tells its account, its repository and the process that writes it, so that all workers see the
same. An account is that of a user, a resource, or the jobs of a user.
"""

import hashlib
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lgi_protocol.errors import ErrorNumber, LGIError

# Of the room there is for uploads one account may have so much, as long as nobody has its files.
LARGEST_SHARE = 0.75
# No reserve is more than this part of a disk.
LARGEST_RESERVE = 0.125
# Files of processes that are gone are looked for once in so many seconds; none is younger than that.
SWEEP_SECONDS = 60.0
_NO_REPOSITORY = "-"
# Of the name of a file: account, repository, host, process, and what mkstemp adds.
PARTS = 5


class StorageFullError(LGIError):
    """The disk has no room for an upload at present, or none for more of its account."""

    def __init__(self, why: str) -> None:
        super().__init__(ErrorNumber.UPLOAD, why, message="The server has no room for the files at present")


@dataclass(frozen=True)
class Disk:
    """Bytes of a file system: all of it, and those that are free for uploads and for everything else."""

    total: int
    free: int


def disk_of(directory: Path) -> Disk:
    """Return the disk of a directory. Raises OSError."""
    status = os.statvfs(directory)
    return Disk(status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize)


class PendingUploads:
    """The files in the incoming directory of the repositories."""

    def __init__(self, directory: Path, reserve: int, look: Callable[[Path], Disk] = disk_of) -> None:
        """Leave ``reserve`` bytes of the disk, at which ``look`` looks, to the server's own work."""
        self._look = look
        self.directory = directory
        self._reserve = reserve
        self._host = _digest(socket.gethostname())
        self._sweep_time = 0.0

    def new_file(self, account: str, repository: str = "") -> IO[bytes]:
        """Return a new empty file; its path is its ``name``."""
        if time.monotonic() - self._sweep_time > SWEEP_SECONDS:
            self._sweep_time = time.monotonic()
            self.sweep(time.time())
        prefix = f"{_digest(account)}.{repository or _NO_REPOSITORY}.{self._host}.{os.getpid()}."
        descriptor, path = tempfile.mkstemp(prefix=prefix, dir=self.directory)
        os.fchmod(descriptor, 0o660)
        os.close(descriptor)
        return open(path, "r+b")

    def free(self) -> int:
        """Return how many bytes uploads may take beside the reserve."""
        disk = self._look(self.directory)
        return disk.free - min(self._reserve, int(disk.total * LARGEST_RESERVE))

    def check_free(self, size: int) -> None:
        """Raise StorageFullError unless so many bytes can be written beside the reserve."""
        if size > self.free():
            raise StorageFullError("its disk is full")

    def check_account(self, account: str, size: int) -> None:
        """Raise StorageFullError unless an account may have so many more bytes on their way."""
        own, _ = self.sizes(account, "")
        if own + size > LARGEST_SHARE * (self.free() + own):
            raise StorageFullError(
                f"{own} bytes of yours are on their way already, which leaves few for others"
            )

    def sizes(self, account: str, repository: str) -> tuple[int, int]:
        """Return the bytes that are on their way for an account, and into a repository."""
        key, own, there = _digest(account), 0, 0
        for path, parts in self._files():
            if key != parts[0] and repository != parts[1]:
                continue
            with suppress(FileNotFoundError):
                size = path.stat().st_size
                own += size if key == parts[0] else 0
                there += size if repository == parts[1] else 0
        return own, there

    def sweep(self, now: float) -> None:
        """Remove what processes of this host have left that are gone."""
        for path, (_account, _repository, host, process, _random) in self._files():
            if host != self._host or Path(f"/proc/{process}").exists():
                continue
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < now - SWEEP_SECONDS:
                    path.unlink()

    def _files(self) -> Iterator[tuple[Path, list[str]]]:
        with os.scandir(self.directory) as entries:
            for entry in entries:
                parts = entry.name.split(".")
                if len(parts) == PARTS:
                    yield Path(entry.path), parts


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
