"""Reads how a job ended from the file ``end`` in its state directory.

The scripts of the job write it, but so may any process of their user: it is used for this job alone.
"""

import os
import re
import stat
from pathlib import Path

from lgi_protocol.job_directory import DamagedFileError, JobDirectory
from lgi_protocol.job_end import MAX_CODE, MAX_SIGNAL, NO_END, End, normalize_reason

NAME = "end"
MAX_BYTES = 4096
# Its writer may have created it by a hard link.
_MAX_LINKS = 2
_LINE = re.compile("(exit_code|exit_signal|reason)=(.*)")


def read(state: Path, owner: int | None) -> End:
    """Return the end of a job; NO_END without a file, for a link and for a file not owned by ``owner``."""
    try:
        with JobDirectory(state).open_plain(NAME) as opened:
            status = os.fstat(opened.fileno())
            if status.st_nlink > _MAX_LINKS or owner not in (None, status.st_uid):
                return NO_END
            return parse(opened.read(MAX_BYTES))
    except (DamagedFileError, OSError):
        return NO_END


def is_written(state: Path) -> bool:
    """Return whether there is such a file, readable or not; a regular one that is not empty."""
    status = _status(state)
    return status is not None and (not stat.S_ISREG(status.st_mode) or status.st_size > 0)


def is_empty(state: Path) -> bool:
    """Return whether the file is there and empty: its writer had no space for a line."""
    status = _status(state)
    return status is not None and stat.S_ISREG(status.st_mode) and status.st_size == 0


def _status(state: Path) -> os.stat_result | None:
    try:
        return (state / NAME).lstat()
    except OSError:
        return None


def parse(data: bytes) -> End:
    """Parse the file; an invalid number counts as none, and so do an exit code together with a signal."""
    lines = data.decode("utf-8", "replace").split("\n")
    matches = (_LINE.fullmatch(line.strip()) for line in lines)
    values = {found[1]: found[2] for found in matches if found}
    code = _number(values.get("exit_code", ""), 0, MAX_CODE)
    signal = _number(values.get("exit_signal", ""), 1, MAX_SIGNAL)
    if code is not None and signal is not None:
        code = signal = None
    return End(code, signal, normalize_reason(values.get("reason", "")))


def _number(text: str, least: int, most: int) -> int | None:
    is_number = re.fullmatch("[0-9]{1,3}", text) is not None
    return int(text) if is_number and least <= int(text) <= most else None
