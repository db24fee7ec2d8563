"""A file system in memory, for tests that make and remove thousands of files."""

import os
import shutil
from pathlib import Path

PLACE = Path("/dev/shm")
# What is left there for others, in bytes.
ROOM = 2**30


def in_memory() -> Path | None:
    """Return where to make a directory in memory; None, the usual temporary directory, if there is no such.

    Containers may have a small one, or one from which no program may be run.
    """
    if not os.access(PLACE, os.W_OK | os.X_OK) or os.statvfs(PLACE).f_flag & os.ST_NOEXEC:
        return None
    return PLACE if shutil.disk_usage(PLACE).free > ROOM else None
