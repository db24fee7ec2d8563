"""Room on the disk that is kept for the records of the jobs that are here, and given back when it is full."""

import errno
import os
from contextlib import suppress
from pathlib import Path

RESERVE_BYTES = 2 * 1024 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT)


def says_full(error: OSError) -> bool:
    """Whether the disk did not take something since it, or what its user may have of it, is full."""
    return error.errno in _FULL


class Reserve:
    """A file that holds nothing but its place."""

    def __init__(self, path: Path) -> None:
        """Nothing is written yet."""
        self._path = path

    def keep(self) -> None:
        """Take the place again, where the disk gives it."""
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
    def is_kept(self) -> bool:
        """Whether the place is taken."""
        return self._path.exists()

    def give(self) -> bool:
        """Free the place; whether there was one."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
