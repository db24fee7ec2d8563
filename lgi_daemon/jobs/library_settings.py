"""The settings of an application of applications/library, read from its script without a shell."""

import re
import shlex
from collections.abc import Mapping
from functools import lru_cache

Settings = Mapping[str, str]

_SOURCE = "LGI_backend"
# A script that is nothing but settings, and that no older library reads: comments, assignments without an
# expansion, and the line that reads the library.
_VALUE = rb"""(?:[\w.,:/+@%=-]|'[^'\n]*'|"[^"$`\\\n]*")*"""
_SETTING = re.compile(
    rb"(?:#.*|(?:(?:export[ \t]+)?(?!LGI_|PATH=)[A-Za-z_]\w*="
    + _VALUE
    + rb"|\.[ \t]+LGI_backend)(?:[ \t]+#.*)?)?"
)
# As applications/library/settings.sh. Of any other name the shell knows more than the daemon.
_DEFAULTS = {
    "program": "",
    "stage": "yes",
    "max_stagings": "40",
    "object_stores": "",
    "default_cpus": "1",
    "max_cpus": "1",
    "default_nodes": "1",
    "max_nodes": "1",
    "default_memory": "",
    "max_memory": "",
    "default_walltime": "",
    "max_walltime": "",
    "submit_options": "",
    "cache_seconds": "10",
    "timeout": "10",
    "grace": "30",
    "max_submissions": "5",
    "container": "",
    "images": "",
    "default_image": "",
    "network": "no",
    "container_options": "",
}
_OTHERS = frozenset({"backend", "patience"})


def is_settings(script: bytes) -> bool:
    """Return whether a script of the library does nothing but what the library does."""
    return all(_SETTING.fullmatch(line.strip(b" \t")) for line in script.split(b"\n"))


@lru_cache(64)
def read(script: bytes) -> Settings | None:
    """Return all settings of a script, and its ``backend``; None for one that may do anything else."""
    if not is_settings(script):
        return None
    given: dict[str, str] = {}
    for line in script.decode("utf-8", "surrogateescape").split("\n"):
        words = shlex.split(line, comments=True)
        if words[:2] == [".", _SOURCE]:
            # What follows is not read any more.
            known = given.keys() <= _DEFAULTS.keys() | _OTHERS
            return _DEFAULTS | {name: value for name, value in given.items() if value} if known else None
        for word in words:
            name, is_assignment, value = word.partition("=")
            if is_assignment:
                given[name] = value
    return None
