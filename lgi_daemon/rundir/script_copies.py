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
    """Store the scripts of a job on the disk, those of the same content once, in its new directory.

    Their names are there after `atomic_file.sync_folder`. A kill may leave one incomplete, but no record, and
    without a record the directory is no job's.
    """
    first: dict[bytes, str] = {}
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for name in (f"LGI_{script}" for script in SCRIPTS):
            data = scripts[name.removeprefix("LGI_")]
            if (twin := first.setdefault(data, name)) != name:
                os.link(twin, name, src_dir_fd=directory, dst_dir_fd=directory)
            else:
                atomic_file.create(directory, name, data, 0o550, group=group, durable=True)
    finally:
        os.close(directory)


def read(folder: Path) -> dict[str, bytes]:
    """Return the scripts of a job, each file read once. Raise OSError."""
    files: dict[int, bytes] = {}
    scripts = {}
    for name in SCRIPTS:
        path = folder / f"LGI_{name}"
        file = path.stat().st_ino
        scripts[name] = files[file] = files.get(file) or path.read_bytes()
    return scripts
