"""Disk space reserved for the records of the jobs that are here, released when the disk is full."""

import errno
import os
from contextlib import suppress
from pathlib import Path

RESERVE_BYTES = 2 * 1024 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_disk_full(error: OSError) -> bool:
    """Return whether an error means that the disk, or the quota of the user, is full."""
    return error.errno in _FULL


class Reserve:
    """A file without content that occupies disk space."""

    def __init__(self, path: Path) -> None:
        """Take the path of the file; write nothing yet."""
        self._path = path

    def allocate(self) -> None:
        """Allocate the space, unless that was done or the disk has not enough."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with suppress(OSError):
            opened = os.open(self._path, flags, 0o600)
            try:
                os.posix_fallocate(opened, 0, RESERVE_BYTES)
            except OSError:
                self._path.unlink()
            finally:
                os.close(opened)

    @property
    def is_allocated(self) -> bool:
        """Whether the space is allocated."""
        return self._path.exists()

    def release(self) -> bool:
        """Free the space; return whether there was any."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
