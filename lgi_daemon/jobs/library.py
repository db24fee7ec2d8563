"""What the daemon knows of the scripts in applications/library, and therefore does not ask them.

A script of a site that has no line ``. LGI_backend`` is none of them, and is asked all questions of the LGI
document.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from lgi_daemon.execution import environment
from lgi_daemon.files import atomic_file
from lgi_daemon.jobs import library_settings
from lgi_daemon.jobs.library_settings import Settings
from lgi_daemon.rundir.record import JobRecord
from lgi_protocol.job_directory import DamagedFileError, JobDirectory

_SOURCES_LIBRARY = re.compile(rb"^[ \t]*\.[ \t]+(\S*/)?LGI_backend[ \t]*$", re.MULTILINE)
# As keep_reserve and LGI_stage in applications/library: space for the report on a full disk; no file fetched.
_RESERVE, STAGED = "reserve", "staged"
_RESERVE_BYTES = 32768
# As `has_ended` in applications/library/job.sh. Older versions wrote "exit".
_END, _OLD_END = "end", "exit"
# The run script of a plain process has left the former; the latter becomes its end, as wrapper.sh writes it.
_PROCESS, _WRITTEN_END = "process", "end.new"
_WHOLE_END = re.compile(rb"exit_(code|signal)=[0-9]{1,3}\n")
# What its back-ends and the job write first.
_BEGINNINGS = ("batch", "submitting", "id", _PROCESS, "started")


def uses_library(scripts: Mapping[str, bytes]) -> bool:
    """Return whether all scripts of a job are those of the library."""
    return all(_SOURCES_LIBRARY.search(script) for script in set(scripts.values()))


def has_begun(state: Path) -> bool:
    """Return whether a run script of the library may have started or submitted anything."""
    return any(os.path.lexists(f"{state}/{name}") for name in _BEGINNINGS)


def has_ended(state: Path) -> bool:
    """Return whether a job of the library has ended, as its job_check_finished_script answers."""
    return os.path.lexists(f"{state}/{_END}") or os.path.exists(f"{state}/{_OLD_END}")


def complete_end(state: Path) -> None:
    """Make the end visible that the run script of a plain process has written; it does not run any more.

    Nothing happens when it has written none, as when it was killed. If the daemon is killed before, the next
    one does it.
    """
    with suppress(DamagedFileError, OSError):
        if not os.path.lexists(state / _PROCESS):
            return
        if not _WHOLE_END.match(JobDirectory(state).read_plain(_WRITTEN_END, 32)):
            return
        folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.rename(_WRITTEN_END, _END, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            os.close(folder)


def settings_of(record: JobRecord, script: Path) -> Settings | None:
    """Return the settings in a script of a job whose scripts are nothing else; None for any other.

    Raise OSError when it cannot be read.
    """
    if not (record.uses_library and record.has_state_directory):
        return None
    return library_settings.read(script.read_bytes())


def is_plain(settings: Settings) -> bool:
    """Return whether its jobs are plain processes, not in containers."""
    return settings.get("backend") == "process" and not settings["container"]


def is_installed(programs: Path, part: str) -> bool:
    """Return whether the library is where its scripts look for it, with a part such as process.sh."""
    library = environment.library_of(programs)
    return bool(library) and os.path.isfile(f"{library}/{part}")


def prepare(state: Path, owner: int | None, max_output_size: int) -> None:
    """Do what the prologue of a job without files in its repository does. Raise OSError on failure."""
    if has_ended(state):
        return
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        # A full disk, or there is one already.
        with suppress(OSError):
            blanks = b" " * (max_output_size + _RESERVE_BYTES)
            atomic_file.create(folder, _RESERVE, blanks, 0o600, owner=owner, group=owner)
    finally:
        os.close(folder)
    if not os.path.lexists(state / STAGED):
        atomic_file.write(state, STAGED, b"{}\n", owner=owner, group=owner, durable=False)
