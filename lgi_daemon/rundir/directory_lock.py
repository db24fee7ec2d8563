"""The lock of a directory that one program uses at a time: its file ``.lock`` says which one has it."""

import fcntl
import os
import socket
from pathlib import Path

from lgi_daemon.execution import processes

# Bytes that are read of the file.
_MOST = 300


class DirectoryInUseError(Exception):
    """Another program uses the directory; the text says which."""


class DirectoryLock:
    """The lock of a directory; the system releases it when the process ends."""

    def __init__(self, path: Path, holder: str) -> None:
        """Lock nothing yet. ``holder`` is what an error calls the other program, as "daemon"."""
        self._path = path
        self._holder = holder
        self._descriptor: int | None = None

    def claim(self) -> None:
        """Lock the directory. Raise DirectoryInUseError when it is in use, OSError without the right."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._path / ".lock", flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            other = os.read(descriptor, _MOST).decode("utf-8", "replace").strip()
            os.close(descriptor)
            raise DirectoryInUseError(
                f"{self._path} is in use by another {self._holder} ({other}): stop it first"
            ) from None
        self._descriptor = descriptor
        self.sign()

    def sign(self) -> None:
        """Write host, boot and pid into the file, again after a fork."""
        assert self._descriptor is not None  # noqa: S101 - claimed before
        text = f"host {socket.gethostname()}, boot {processes.boot_id()}, pid {os.getpid()}\n"
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)

    def release(self) -> None:
        """Unlock the directory."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
