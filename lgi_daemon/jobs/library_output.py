"""Writes the output of a short job of applications/library, as its epilogue would.

As report in output.sh there. What is rare is left to that: long streams, a full disk, an end with a reason,
files that the job has replaced.
"""

import os
import re
import stat
from pathlib import Path

from lgi_protocol.job_directory import OUTPUT, DamagedFileError, JobDirectory
from lgi_protocol.job_end import MAX_CODE, MAX_SIGNAL

# As the wrapper writes it: over blanks, which have reserved the space.
_END = re.compile(rb"exit_(code|signal)=(0|[1-9][0-9]{0,2})\n *\n?")
_END_BYTES = 4096
# Of the limit, for lines in brackets.
_LINES = 200
# The epilogue reports of these, and reads them.
_REPORTED = ("exit", "memory", "not_stored")
# What a shell counts as blank, and NUL, which it drops.
_BLANK = b" \t\n\v\f\r\0"
_SIGNALLED = 128


def write(state: Path, directory: Path, owner: int | None, limit: int) -> bool:
    """Write LGI_output from the marks of an ended job; return False where its epilogue must do it."""
    try:
        output = _compose(state, owner, limit)
        if output is not None:
            _replace(directory, owner, output)
    except (DamagedFileError, OSError):
        return False
    return output is not None


def _compose(state: Path, owner: int | None, limit: int) -> bytes | None:
    """Return the output; None when it is not that of a short job."""
    if any(os.path.lexists(state / name) for name in _REPORTED):
        return None
    trailer = _trailer(_read(state, "end", owner, _END_BYTES, links=2))
    room = limit - len(trailer) - _LINES
    output, errors = (_read(state, name, owner, max(0, room)) for name in ("stdout", "stderr"))
    if not trailer or len(output) + len(errors) > room:
        return None
    section = b"[LGI: standard error]\n" + _lines(errors) if errors.strip(_BLANK) else b""
    return _lines(output) + section + trailer + b"\n"


def _read(state: Path, name: str, owner: int | None, limit: int, links: int = 1) -> bytes:
    """Return a file up to a byte above a limit. Raise DamagedFileError for one that is not the job's own."""
    with JobDirectory(state).open_plain(name) as opened:
        status = os.fstat(opened.fileno())
        if status.st_nlink > links or owner not in (None, status.st_uid):
            raise DamagedFileError(f"{name} has another hard link or another owner")
        return opened.read(limit + 1)


def _trailer(end: bytes) -> bytes:
    """Return the last line of the output; empty for an end that is not just a code or a signal."""
    found = _END.fullmatch(end)
    if not found:
        return b""
    is_code, number = found[1] == b"code", int(found[2])
    if not (0 <= number <= MAX_CODE if is_code else 0 < number <= MAX_SIGNAL):
        return b""
    return b"[LGI: exit code %d]" % (number if is_code else _SIGNALLED + number)


def _lines(text: bytes) -> bytes:
    return text if not text or text.endswith(b"\n") else text + b"\n"


def _replace(directory: Path, owner: int | None, output: bytes) -> None:
    """Write the file that is there. Raise DamagedFileError when it is not the job's alone, or no file."""
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(OUTPUT, flags, dir_fd=folder)
    finally:
        os.close(folder)
    with os.fdopen(descriptor, "wb", 0) as opened:
        status = os.fstat(descriptor)
        is_plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        if not is_plain or owner not in (None, status.st_uid):
            raise DamagedFileError(f"{OUTPUT} is not a plain file of the job alone")
        opened.truncate()
        left = memoryview(output)
        while left:
            left = left[opened.write(left) :]
