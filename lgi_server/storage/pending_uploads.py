"""Pending uploads: posted files that are not in a repository yet, and how much of the disk they take.

The name of each has its account, its repository and the process that writes it, so that all workers count the
same files. An account is that of a user, of a resource, or of the jobs of a user.
"""

import hashlib
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lgi_protocol.errors import ErrorNumber, LGIError

# The part of the space for uploads that the pending files of one account may take.
LARGEST_SHARE = 0.75
# A reserve is never more than this part of a disk.
LARGEST_RESERVE = 0.125
# Files of ended processes are searched once in so many seconds, and removed when they are older than that.
SWEEP_SECONDS = 60.0
_NO_REPOSITORY = "-"
# Of the name of a file: account, repository, host, process, and what mkstemp adds.
PARTS = 5
# No upload takes longer than a day.
STALE_SECONDS = 86400


class StorageFullError(LGIError):
    """The disk has no space for an upload at present, or its account may not have more."""

    def __init__(self, why: str) -> None:
        super().__init__(ErrorNumber.UPLOAD, why, message="The server has no space for the files at present")


@dataclass(frozen=True)
class Disk:
    """The size of a file system and its free space, in bytes."""

    total: int
    free: int


def disk_of(directory: Path) -> Disk:
    """Return size and free space of the file system of a directory; OSError."""
    status = os.statvfs(directory)
    return Disk(status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize)


class PendingUploads:
    """The files in the incoming directory, in the file system of the repositories."""

    def __init__(self, directory: Path, reserve: int, measure: Callable[[Path], Disk] = disk_of) -> None:
        """Create the directory if it is missing; uploads leave ``reserve`` bytes of the disk free."""
        self._measure = measure
        self.directory = directory
        directory.mkdir(mode=0o700, exist_ok=True)
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
        # As files of a repository, for the server's group.
        os.fchmod(descriptor, 0o660)  # nosec B103
        # With the path as its name, by which it is renamed later.
        return open(path, "r+b", opener=lambda _path, _flags: descriptor)

    def free(self) -> int:
        """Return how many bytes uploads may take without the reserve."""
        disk = self._measure(self.directory)
        if not disk.total:
            # Some file systems of networks do not tell.
            return sys.maxsize
        return disk.free - min(self._reserve, int(disk.total * LARGEST_RESERVE))

    def check_free(self, size: int) -> None:
        """Raise StorageFullError unless so many bytes can be written without the reserve."""
        if size > self.free():
            raise StorageFullError("its disk is full")

    def check_account(self, account: str, size: int) -> None:
        """Raise StorageFullError unless an account may have so many more pending bytes."""
        own, _ = self.sizes(account, "")
        if own + size > LARGEST_SHARE * (self.free() + own):
            raise StorageFullError(f"{own + size} pending bytes of yours, more than 3/4 of its free space")

    def sizes(self, account: str, repository: str) -> tuple[int, int]:
        """Return the pending bytes of an account, and those for a repository."""
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
        """Remove files of ended processes of this host; ``now`` is in seconds."""
        for path, (_account, _repository, host, process, _random) in self._files():
            if host != self._host or Path(f"/proc/{process}").exists():
                continue
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < now - SWEEP_SECONDS:
                    path.unlink()

    def remove_stale(self, now: float) -> None:
        """Remove files of requests that ended long ago; ``now`` is in seconds."""
        for path in self.directory.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < now - STALE_SECONDS:
                    path.unlink()

    def _files(self) -> Iterator[tuple[Path, list[str]]]:
        with os.scandir(self.directory) as entries:
            for entry in entries:
                parts = entry.name.split(".")
                if len(parts) == PARTS:
                    yield Path(entry.path), parts


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
