"""Reads the output of a job while it runs, from files that are not trusted.

The job owns its directory: no link is followed, and a file of another owner, or with a second hard link, is
not read. An open file can be read to its end after the directory was deleted.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from lgi_protocol.job_directory import OUTPUT

# The streams that applications/library writes to the state directory; other scripts write LGI_output.
STREAMS = ("stdout", "stderr")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass
class _Stream:
    """An open file, and the offset up to which it was read or skipped."""

    descriptor: int
    at: int = 0

    def read(self, limit: int) -> tuple[int, bytes]:
        """Return how many new bytes are skipped, and the last ``limit`` new ones."""
        new = os.fstat(self.descriptor).st_size - self.at
        if new <= 0:
            return 0, b""
        skipped = max(0, new - limit)
        data = os.pread(self.descriptor, min(new, limit), self.at + skipped)
        self.at += skipped + len(data)
        return skipped, data


class LiveOutput:
    """The streams of one job merged: the new bytes of each, in the order of the reads."""

    def __init__(self, directory: Path, state: Path, owner: int | None) -> None:
        """Take a job's directory and state directory; open nothing yet.

        ``owner`` is the uid that the files must have, None for any.
        """
        self._directory = directory
        self._state = state
        self._owner = owner
        self._streams: dict[str, _Stream] = {}
        # The number of bytes so far, skipped ones included.
        self.offset = 0

    def read(self, limit: int) -> tuple[int, bytes]:
        """Return the offset of the new output, and the output itself: at most its last ``limit`` bytes."""
        self._open()
        pieces = [stream.read(limit) for stream in self._streams.values()]
        data = b"".join(piece for _, piece in pieces)
        skipped = sum(one for one, _ in pieces) + max(0, len(data) - limit)
        data = data[-limit:]
        begin = self.offset + skipped
        self.offset = begin + len(data)
        return begin, data

    def close(self) -> None:
        """Close the files."""
        while self._streams:
            os.close(self._streams.popitem()[1].descriptor)

    def _open(self) -> None:
        """Open the files that have appeared."""
        output = self._streams.get(OUTPUT)
        if len(self._streams) == len(STREAMS) or (output and output.at):
            return
        self._add_all(self._state, STREAMS)
        if not self._streams:
            self._add_all(self._directory, (OUTPUT,))
        elif output and len(self._streams) > 1:
            # It was opened before the streams appeared, from which it is made at the end.
            os.close(self._streams.pop(OUTPUT).descriptor)

    def _add_all(self, folder: Path, names: tuple[str, ...]) -> None:
        try:
            directory = os.open(folder, _DIRECTORY)
        except OSError:
            return
        try:
            for name in names:
                self._add(name, directory)
        finally:
            os.close(directory)

    def _add(self, name: str, directory: int) -> None:
        """Open one file, unless it is open already or must not be read."""
        if name in self._streams:
            return
        try:
            descriptor = os.open(name, _FILE, dir_fd=directory)
        except OSError:
            return
        status = os.fstat(descriptor)
        is_ours = status.st_nlink == 1 and self._owner in (None, status.st_uid)
        if stat.S_ISREG(status.st_mode) and is_ours:
            self._streams[name] = _Stream(descriptor)
        else:
            os.close(descriptor)
