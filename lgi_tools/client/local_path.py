"""Paths of fetched files: below a directory, through no symbolic link."""

import os
import stat
import sys
from pathlib import Path

# Windows reads a:b as a part of the file a, a\b as the file b in a, and some names as devices.
_NOT_ON_WINDOWS = frozenset('"*:<>?\\|') | frozenset(map(chr, range(32)))
_DEVICES = frozenset(
    {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
    | {f"{kind}{number}" for kind in ("COM", "LPT") for number in "0123456789¹²³"}
)


class UnsafePathError(Exception):
    """A file cannot be written where its name puts it; the text says why."""


def check_name(relative: str) -> None:
    """Raise UnsafePathError for a path that Windows, where it is checked, reads as that of another file."""
    if sys.platform == "win32" and not all(_is_windows_name(part) for part in relative.split("/")):
        raise UnsafePathError(f"{relative!r} is not the name of a file on Windows")


def _is_windows_name(part: str) -> bool:
    is_device = part.partition(".")[0].rstrip().upper() in _DEVICES
    return not is_device and not part.endswith((".", " ")) and not _NOT_ON_WINDOWS & set(part)


def is_in_hidden_directory(relative: str) -> bool:
    """Return whether a path leads through a directory such as .git, where files set up programs."""
    return any(part.startswith(".") for part in relative.split("/")[:-1])


def prepare(directory: Path, relative: str) -> Path:
    """Create the directories of a path below ``directory``, and return it.

    Raises UnsafePathError where a symbolic link or something else is in the way: a link in a directory that
    others may write to could lead anywhere. As `check_name` too.
    """
    check_name(relative)
    place = directory
    *parents, name = relative.split("/")
    for parent in parents:
        place /= parent
        try:
            place.mkdir(exist_ok=True)
        except FileExistsError:
            raise UnsafePathError(f"{place} is not a directory") from None
        if place.is_symlink():
            raise UnsafePathError(f"{place} is a symbolic link: move it away")
    target = place / name
    if os.path.lexists(target) and not stat.S_ISREG(target.lstat().st_mode):
        kind = "a symbolic link" if target.is_symlink() else "not a regular file"
        raise UnsafePathError(f"{target} is {kind}: move it away")
    return target
