"""Locks between processes of one machine, by the system: they end with the process that has them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Windows locks bytes, which others then cannot read: this one is behind the end of our files.
_BYTE = 2**30
# Windows does not wait as long as needed; seconds between two attempts.
_PAUSE = 0.05
_NAME = ".lock"


def wait_for(descriptor: int) -> None:
    """Lock an open file until it is closed; wait for another process that has it. Raises OSError."""
    if sys.platform == "win32":
        import time

        while not _is_locked(descriptor):
            time.sleep(_PAUSE)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)


if sys.platform == "win32":

    def _is_locked(descriptor: int) -> bool:
        import errno
        import msvcrt

        place = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EDEADLK}:
                raise
            return False
        finally:
            os.lseek(descriptor, place, os.SEEK_SET)
        return True


@contextmanager
def directory_lock(directory: Path) -> Iterator[None]:
    """Keep other processes out of a directory; wait for one that is in it. Raises OSError.

    The lock is on the directory itself, on Windows on the file ``.lock`` in it.
    """
    if sys.platform == "win32":
        descriptor = os.open(directory / _NAME, os.O_RDWR | os.O_CREAT, 0o600)
    else:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        wait_for(descriptor)
        yield
    finally:
        os.close(descriptor)
