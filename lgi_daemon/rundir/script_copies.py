"""The trusted copies of a job's scripts, beside its record."""

import os
from collections.abc import Mapping
from pathlib import Path

from lgi_daemon.files import atomic_file
from lgi_protocol.job_directory import SCRIPTS


def originals(paths: Mapping[str, Path]) -> dict[str, bytes]:
    """Return the scripts of an application by name, each file read once. Raise OSError."""
    files = {path: path.read_bytes() for path in set(paths.values())}
    return {name: files[path] for name, path in paths.items()}


def store(folder: Path, scripts: Mapping[str, bytes], group: int | None) -> None:
    """Store the scripts of a job on the disk, those of the same content once.

    Their names are there after `atomic_file.sync_folder`.
    """
    first: dict[bytes, Path] = {}
    for name in SCRIPTS:
        place = folder / f"LGI_{name}"
        if (twin := first.setdefault(scripts[name], place)) != place:
            os.link(twin, place)
        else:
            atomic_file.write(folder, place.name, scripts[name], 0o550, group=group, names_durable=False)


def read(folder: Path) -> dict[str, bytes]:
    """Return the scripts of a job, each file read once. Raise OSError."""
    files: dict[int, bytes] = {}
    scripts = {}
    for name in SCRIPTS:
        path = folder / f"LGI_{name}"
        file = path.stat().st_ino
        scripts[name] = files[file] = files.get(file) or path.read_bytes()
    return scripts
