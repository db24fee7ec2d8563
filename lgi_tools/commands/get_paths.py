"""Where LGI_get writes the files of jobs: a pattern such as ``{id}/{file}``, below one directory."""

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from lgi_protocol.common_name import has_control

if TYPE_CHECKING:
    from lgi_tools.client.job import Job

DEFAULT = "{id}/{file}"
_FIELD = re.compile(r"\{([^{}]*)\}")
_NAMES = ("id", "name", "application", "file")


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

    @property
    def is_of_one_job(self) -> bool:
        """Whether no other job, now or later, can have the same path."""
        return any("{id}" in part and part.count("{") == 1 for part in self._text.split("/"))

    def path(self, job: "Job", file: str) -> str:
        """Return the relative path of a file. Raises UnsafePathError for one that leads elsewhere."""
        from lgi_protocol import file_names

        values = {"id": str(job.id), "name": job.name or str(job.id), "application": job.application}
        values = {name: _part(value) for name, value in values.items()} | {"file": file}
        found = _FIELD.sub(lambda field: values[field[1]], self._text)
        if not file_names.is_path(found):
            from lgi_tools.client.local_path import UnsafePathError

            raise UnsafePathError("its name is not that of a file in a directory")
        return str(PurePosixPath(found))


def _part(value: str) -> str:
    """Return a value as part of a file name."""
    safe = "".join("_" if char == "/" or has_control(char) else char for char in value)
    return "_" if safe in {"", ".", ".."} else safe
