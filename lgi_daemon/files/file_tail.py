"""What a job puts out while it runs: its files read on, none of them believed.

The job owns its directory: no link is followed, and a file of somebody else, or with a second name, is not
read. What was opened can be read to its end when the directory is gone.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from lgi_protocol.job_directory import OUTPUT

# What applications/library keeps in a job's state directory; others write their output as they go.
STREAMS = ("stdout", "stderr")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass
class _Stream:
    """An open file, and how much of it was read or passed over."""

    descriptor: int
    at: int = 0

    def news(self, limit: int) -> tuple[int, bytes]:
        """How many bytes are passed over, and the last ones that are new."""
        new = os.fstat(self.descriptor).st_size - self.at
        if new <= 0:
            return 0, b""
        passed = max(0, new - limit)
        data = os.pread(self.descriptor, min(new, limit), self.at + passed)
        self.at += passed + len(data)
        return passed, data


class LiveOutput:
    """The streams of one job as one: of each what is new, in the order of the looks."""

    def __init__(self, directory: Path, state: Path, owner: int | None) -> None:
        """Of a job's directory and its state directory. Opens nothing yet.

        ``owner`` is the uid that the files must have, None when it does not matter.
        """
        self._directory = directory
        self._state = state
        self._owner = owner
        self._streams: dict[str, _Stream] = {}
        # All bytes so far, with those that were passed over.
        self.offset = 0

    def read(self, limit: int) -> tuple[int, bytes]:
        """What is new, at most its last ``limit`` bytes, and how many bytes there were before it."""
        self._open()
        news = [stream.news(limit) for stream in self._streams.values()]
        data = b"".join(piece for _, piece in news)
        passed = sum(skipped for skipped, _ in news) + max(0, len(data) - limit)
        data = data[-limit:]
        begin = self.offset + passed
        self.offset = begin + len(data)
        return begin, data

    def close(self) -> None:
        """Let go of the files."""
        while self._streams:
            os.close(self._streams.popitem()[1].descriptor)

    def _open(self) -> None:
        """Open what is there now and was not before."""
        output = self._streams.get(OUTPUT)
        if len(self._streams) == len(STREAMS) or (output and output.at):
            return
        self._add_all(self._state, STREAMS)
        if not self._streams:
            self._add_all(self._directory, (OUTPUT,))
        elif output and len(self._streams) > 1:
            # It was opened before the streams came, of which it is made at the end.
            os.close(self._streams.pop(OUTPUT).descriptor)

    def _add_all(self, place: Path, names: tuple[str, ...]) -> None:
        try:
            directory = os.open(place, _DIRECTORY)
        except OSError:
            return
        try:
            for name in names:
                self._add(name, directory)
        finally:
            os.close(directory)

    def _add(self, name: str, directory: int) -> None:
        """Open one file, unless that was done or it is none to be read."""
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
