"""What the daemon knows of the scripts in applications/library, and therefore does not ask them.

A script of a site that has no line ``. LGI_backend`` is none of them, and is asked all questions of the LGI
document.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from lgi_daemon.files import atomic_file

_SOURCES_LIBRARY = re.compile(rb"^[ \t]*\.[ \t]+(\S*/)?LGI_backend[ \t]*$", re.MULTILINE)
# A script that is nothing but settings, and that no older library reads: comments, assignments without an
# expansion, and the line that reads the library.
_VALUE = rb"""(?:[\w.,:/+@%=-]|'[^'\n]*'|"[^"$`\\\n]*")*"""
_SETTING = re.compile(
    rb"(?:#.*|(?:(?:export[ \t]+)?(?!LGI_|PATH=)[A-Za-z_]\w*="
    + _VALUE
    + rb"|\.[ \t]+LGI_backend)(?:[ \t]+#.*)?)?"
)
# As keep_reserve and LGI_stage in applications/library: space for the report on a full disk; no file fetched.
_RESERVE, _STAGED = "reserve", "staged"
_RESERVE_BYTES = 32768
# As `has_ended` in applications/library/job.sh. Older versions wrote "exit".
_END, _OLD_END = "end", "exit"
# What its back-ends and the job write first.
_BEGINNINGS = ("batch", "submitting", "id", "process", "started")


def uses_library(scripts: Mapping[str, bytes]) -> bool:
    """Return whether all scripts of a job are those of the library."""
    return all(_SOURCES_LIBRARY.search(script) for script in scripts.values())


def has_begun(state: Path) -> bool:
    """Return whether a run script of the library may have started or submitted anything."""
    return any(os.path.lexists(state / name) for name in _BEGINNINGS)


def has_ended(state: Path) -> bool:
    """Return whether a job of the library has ended, as its job_check_finished_script answers."""
    return os.path.lexists(state / _END) or (state / _OLD_END).exists()


def is_settings(script: bytes) -> bool:
    """Return whether a script of the library does nothing but what the library does."""
    return all(_SETTING.fullmatch(line.strip(b" \t")) for line in script.split(b"\n"))


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
    if not os.path.lexists(state / _STAGED):
        atomic_file.write(state, _STAGED, b"{}\n", owner=owner, group=owner, durable=False)
