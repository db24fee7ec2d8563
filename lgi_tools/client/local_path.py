"""Paths of fetched files: below a directory, through no symbolic link."""

import os
import stat
from pathlib import Path


class UnsafePathError(Exception):
    """A file cannot be written where its name puts it; the text says why."""


def is_in_hidden_directory(relative: str) -> bool:
    """Return whether a path leads through a directory such as .git, where files set up programs."""
    return any(part.startswith(".") for part in relative.split("/")[:-1])


def prepare(directory: Path, relative: str) -> Path:
    """Create the directories of a path below ``directory``, and return it.

    Raises UnsafePathError where a symbolic link or something else is in the way: a link in a directory that
    others may write to could lead anywhere.
    """
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
