"""What the transfer of a job's files has said last: in a log that its scripts keep."""

import os
from pathlib import Path

from lgi_protocol.job_directory import DamagedFileError, JobDirectory
from lgi_protocol.job_end import normalize_reason

# As applications/library and other scripts write it.
NAME = "stage.log"
# Bytes that are read, and characters of the line.
_MOST, _LONGEST = 4096, 160
# Seconds: the time of a file may be that much before the clock.
_TICK = 1.0


def last_line(state: Path, owner: int | None, since: float) -> str:
    """Return the last line of the log if it was written after ``since``, in Unix seconds; empty for none.

    The job owns the directory: a link, or a file of somebody else, is not read. ``owner`` is a uid, or None
    for any.
    """
    try:
        with JobDirectory(state).open_plain(NAME) as opened:
            status = os.fstat(opened.fileno())
            is_own = status.st_nlink == 1 and owner in (None, status.st_uid)
            if not is_own or status.st_mtime < since - _TICK:
                return ""
            opened.seek(max(0, status.st_size - _MOST))
            text = opened.read(_MOST).decode("utf-8", "replace")
    except (DamagedFileError, OSError):
        return ""
    lines = [line for line in map(normalize_reason, text.split("\n")) if line]
    return lines[-1][:_LONGEST] if lines else ""
