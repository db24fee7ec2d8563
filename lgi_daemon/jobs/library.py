"""What the daemon knows of the scripts in applications/library, and therefore does not ask them.

A script of a site that has no line ``. LGI_backend`` is none of them, and is asked all questions of the LGI
document.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

_SOURCES_LIBRARY = re.compile(rb"^[ \t]*\.[ \t]+(\S*/)?LGI_backend[ \t]*$", re.MULTILINE)
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
