"""Properties sent with a file: modification time and executable bit."""

import os
import re
import stat
from pathlib import Path
from typing import Protocol

from lgi_protocol.value_object import value_object

MODIFIED = "LGI-File-Modified"
EXECUTABLE = "LGI-File-Executable"
_SECOND = 10**9
# Seconds up to the year 9999.
_TIME = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?\Z")
_LATEST = 253402300799


@value_object
class FileProperties:
    """Modification time in nanoseconds since 1970 (None: unknown), and the executable bit."""

    modified: int | None = None
    executable: bool = False

    def headers(self) -> dict[str, str]:
        """Return the headers of a request, of a part of a form or of an answer."""
        headers = {EXECUTABLE: str(int(self.executable))}
        if self.modified is not None:
            headers[MODIFIED] = time_text(self.modified)
        return headers

    def listed(self) -> list[object]:
        """Return the values that follow name and size in a list of files."""
        return ["" if self.modified is None else time_text(self.modified), int(self.executable)]

    def apply(self, file: int | Path) -> None:
        """Set the known properties on an open file; whoever may read it may execute it.

        On Windows it is the path of a closed file. Errors are ignored: the file system may not support them.
        """
        try:
            if self.executable:
                mode = stat.S_IMODE(os.stat(file).st_mode)
                os.chmod(file, mode | (mode & 0o444) >> 2)
            if self.modified is not None:
                os.utime(file, ns=(self.modified, self.modified))
        except OSError:
            pass


def of_file(status: os.stat_result) -> FileProperties:
    """Return the properties of a file; it is executable if its owner may execute it."""
    return FileProperties(max(0, status.st_mtime_ns), bool(status.st_mode & stat.S_IXUSR))


class Headers(Protocol):
    """Headers of a request or answer, of any library."""

    def get(self, name: str, default: str, /) -> str:
        """Return a header by its case-insensitive name."""


def of_headers(headers: Headers) -> FileProperties:
    """Return the properties in headers; ``Last-Modified`` is used if there is no time of ours."""
    modified = read_time(headers.get(MODIFIED, ""))
    if modified is None:
        modified = _of_date(headers.get("Last-Modified", ""))
    return FileProperties(modified, headers.get(EXECUTABLE, "").strip() == "1")


def of_list(modified: object, executable: object) -> FileProperties:
    """Return the properties in a list of files; invalid values count as unknown."""
    text = f"{modified:.9f}" if isinstance(modified, float) else str(modified)
    found = read_time(text)
    # JSON true equals 1 in Python.
    return FileProperties(found, executable == 1)


def time_text(nanoseconds: int) -> str:
    """Return seconds since 1970 with nine decimals."""
    return f"{nanoseconds // _SECOND}.{nanoseconds % _SECOND:09d}"


def read_time(text: str) -> int | None:
    """Return nanoseconds since 1970; None when the text is no time."""
    found = _TIME.match(text.strip())
    if found is None or int(found[1]) > _LATEST:
        return None
    return int(found[1]) * _SECOND + int((found[2] or "").ljust(9, "0"))


def _of_date(text: str) -> int | None:
    # Loads many modules, and few servers need it.
    from email.utils import parsedate_to_datetime

    try:
        return max(0, int(parsedate_to_datetime(text).timestamp())) * _SECOND
    except (TypeError, ValueError, OverflowError):
        return None
