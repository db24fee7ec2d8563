"""The trusted copies of a job's scripts, beside its record."""

import os
from collections.abc import Mapping
from pathlib import Path

from lgi_daemon.files import atomic_file
from lgi_protocol.job_directory import SCRIPTS


def store(folder: Path, scripts: Mapping[str, bytes], group: int | None) -> None:
    """Store the scripts of a job on the disk, those of the same content once, and then their names."""
    first: dict[bytes, Path] = {}
    for name in SCRIPTS:
        place = folder / f"LGI_{name}"
        if (twin := first.setdefault(scripts[name], place)) != place:
            os.link(twin, place)
        else:
            atomic_file.write(folder, place.name, scripts[name], 0o550, group=group, names_durable=False)
    atomic_file.sync_folder(folder)
