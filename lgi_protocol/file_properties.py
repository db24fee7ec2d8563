"""What travels with a file beside its bytes: the time of its last change, and whether it may be executed."""

import os
import re
import stat
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Protocol

MODIFIED = "LGI-File-Modified"
EXECUTABLE = "LGI-File-Executable"
_SECOND = 10**9
# Seconds up to the year 9999.
_TIME = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?\Z")
_LATEST = 253402300799


@dataclass(frozen=True)
class FileProperties:
    """``modified`` is in nanoseconds since 1970; None when it is not known."""

    modified: int | None = None
    executable: bool = False

    def headers(self) -> dict[str, str]:
        """As they are said in a request, a part of a form, or an answer."""
        said = {EXECUTABLE: str(int(self.executable))}
        if self.modified is not None:
            said[MODIFIED] = time_text(self.modified)
        return said

    def listed(self) -> list[object]:
        """As they follow name and size in a list of files."""
        return ["" if self.modified is None else time_text(self.modified), int(self.executable)]

    def give(self, descriptor: int) -> None:
        """Give them to an open file, as far as they are known: who may read it may then execute it.

        A file system that keeps no such times or permissions is no reason to lose the file.
        """
        try:
            if self.executable:
                mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
                os.fchmod(descriptor, mode | (mode & 0o444) >> 2)
            if self.modified is not None:
                os.utime(descriptor, ns=(self.modified, self.modified))
        except OSError:
            pass


def of_file(status: os.stat_result) -> FileProperties:
    """Those of a file: it is executable when its owner may execute it."""
    return FileProperties(max(0, status.st_mtime_ns), bool(status.st_mode & stat.S_IXUSR))


class Headers(Protocol):
    """Headers of a request or answer, whatever library has read them."""

    def get(self, name: str, default: str, /) -> str:
        """A header by its name, in capitals or not."""


def of_headers(headers: Headers) -> FileProperties:
    """What headers say; the date of a server that says no more counts too."""
    modified = read_time(headers.get(MODIFIED, ""))
    if modified is None:
        modified = _of_date(headers.get("Last-Modified", ""))
    return FileProperties(modified, headers.get(EXECUTABLE, "").strip() == "1")


def of_list(modified: object, executable: object) -> FileProperties:
    """What a list of files says; anything odd is as if it were not said."""
    said = f"{modified:.9f}" if isinstance(modified, float) else str(modified)
    found = read_time(said)
    # A bool is a number to Python: true is 1.
    return FileProperties(found, executable == 1)


def time_text(nanoseconds: int) -> str:
    """Seconds since 1970, with nine digits after the point."""
    return f"{nanoseconds // _SECOND}.{nanoseconds % _SECOND:09d}"


def read_time(text: str) -> int | None:
    """Nanoseconds since 1970; None for what is no time."""
    found = _TIME.match(text.strip())
    if found is None or int(found[1]) > _LATEST:
        return None
    return int(found[1]) * _SECOND + int((found[2] or "").ljust(9, "0"))


def _of_date(text: str) -> int | None:
    try:
        return max(0, int(parsedate_to_datetime(text).timestamp())) * _SECOND
    except (TypeError, ValueError, OverflowError):
        return None
