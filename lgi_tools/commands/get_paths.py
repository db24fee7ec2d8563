"""Where LGI_get writes the files of jobs: a pattern such as ``{id}/{file}``, below one directory."""

import os
import re
import stat
from pathlib import Path, PurePosixPath

from lgi_protocol.common_name import has_control
from lgi_tools.client.job import Job

DEFAULT = "{id}/{file}"
_FIELD = re.compile(r"\{([^{}]*)\}")
_NAMES = ("id", "name", "application", "file")


class UnsafePathError(Exception):
    """A file cannot be written where the pattern puts it; the text says why."""


class PathPattern:
    """The pattern of paths; ``{file}`` is the name in the repository, ``{name}`` of an unnamed job its id."""

    def __init__(self, text: str) -> None:
        """Read a pattern. Raises ValueError with the reason for an invalid one."""
        unknown = [name for name in _FIELD.findall(text) if name not in _NAMES]
        known = ", ".join(f"{{{name}}}" for name in _NAMES)
        if unknown:
            raise ValueError(f"{{{unknown[0]}}} is not one of {known}")
        if "{file}" not in text:
            raise ValueError(f"{text!r} has no {{file}}: all files of a job would be one")
        if text.startswith("/") or ".." in text.split("/"):
            raise ValueError(f"{text!r} leads out of the directory: give that with -d")
        self._text = text

    def path(self, job: Job, file: str) -> str:
        """Return the relative path of a file. Raises UnsafePathError for one that leads elsewhere."""
        values = {"id": str(job.id), "name": job.name or str(job.id), "application": job.application}
        values = {name: _part(value) for name, value in values.items()} | {"file": file}
        found = _FIELD.sub(lambda field: values[field[1]], self._text)
        parts = found.split("/")
        if "\0" in found or any(part in {"", ".", ".."} for part in parts):
            raise UnsafePathError("its name is not that of a file in a directory")
        return str(PurePosixPath(*parts))


def _part(value: str) -> str:
    """Return a value as part of a file name."""
    safe = "".join("_" if char == "/" or has_control(char) else char for char in value)
    return "_" if safe in {"", ".", ".."} else safe


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
