"""A small file that is overwritten in place: a full disk has room for it, since it has it already."""

import os
from pathlib import Path

from lgi_daemon.files import atomic_file


class PreallocatedFile:
    """A file of ``size`` bytes, whose content is followed by blanks; one process writes it."""

    def __init__(self, path: Path, size: int) -> None:
        """Create nothing yet."""
        self._path = path
        self._size = size
        # Bytes at the begin that may differ from blanks.
        self._used = size

    def write(self, data: bytes, durable: bool) -> None:
        """Replace the content; create the file when it is missing.

        A kill leaves the former or the new content, a power cut perhaps a mixture. Raises OSError, ValueError
        for data that are too long.
        """
        if len(data) > self._size:
            raise ValueError(f"{len(data)} bytes do not fit into the {self._size} of {self._path}")
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            folder, name = self._path.parent, self._path.name
            atomic_file.write(folder, name, data.ljust(self._size), durable=durable)
        else:
            _overwrite(descriptor, data.ljust(self._used), durable)
        self._used = len(data)


def _overwrite(descriptor: int, data: bytes, durable: bool) -> None:
    """Write at the begin of an open file, and close it."""
    try:
        if os.pwrite(descriptor, data, 0) != len(data):
            raise OSError("a file was not written completely")
        if durable:
            os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
