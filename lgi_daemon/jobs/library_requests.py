"""Whether the requests of a job are within the limits of an application of applications/library.

As job_check_limits in its shell scripts, which read the same values: see requests.sh there.
"""

import re
from collections.abc import Collection, Mapping

from lgi_daemon.jobs.script_variables import request
from lgi_protocol import shared_directory

# One above 0 that a shell can compare, and hours, minutes and seconds.
_NUMBER = re.compile("[1-9][0-9]{0,8}")
_DURATION = re.compile("([0-9]{2,3}):([0-5][0-9]):([0-5][0-9])")
_NUMBERS = ("cpus", "nodes", "memory", "walltime")


def is_allowed(settings: Mapping[str, str], specifics: str) -> bool | None:
    """Return whether a job may run; None when only its script knows.

    A job with an invalid request may: it ends with a message.
    """
    limits = [settings[f"max_{name}"] for name in _NUMBERS]
    if shared_directory.is_asked(specifics):
        # With the rights of the job.
        return None
    if request(specifics, "store_server"):
        return None
    if settings["container"] or not all(not one or _NUMBER.fullmatch(one) for one in limits):
        return None
    is_valid, is_within = True, not request(specifics, "image")
    for name, limit in zip(_NUMBERS, limits, strict=True):
        value = number(settings, specifics, name)
        is_valid &= value is not None
        is_within &= not (value and limit and value > int(limit))
    return is_within or not is_valid


def number(settings: Mapping[str, str], specifics: str, name: str) -> int | None:
    """Return what a job requests, or the default; 0 for neither, None for an invalid value."""
    text = request(specifics, name) or settings[f"default_{name}"]
    if not text:
        return 0
    if name == "walltime" and (duration := _DURATION.fullmatch(text)):
        hours, minutes, seconds = map(int, duration.groups())
        text = str(3600 * hours + 60 * minutes + seconds)
    return int(text) if _NUMBER.fullmatch(text) else None


def cores(available: Collection[int], number: int, reference: str) -> list[int]:
    """Return some of the available cores, beginning at a different one for each job; none for all of them."""
    count = len(available)
    if not 0 < number < count:
        return []
    begin = int(reference[:6], 16)
    return sorted(sorted(available)[(begin + at) % count] for at in range(number))
