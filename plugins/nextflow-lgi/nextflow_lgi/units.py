"""Times and sizes as Slurm writes them."""

import re

_TIME = re.compile(r"(?:([0-9]{1,6})-)?([0-9]{1,9})(?::([0-9]{1,2}))?(?::([0-9]{1,2}))?")
_MEMORY = re.compile(r"([0-9]{1,9})([KMGT]?)B?", re.IGNORECASE)
_BYTES = {"K": 1024, "": 1024**2, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def seconds(text: str) -> int:
    """Return the seconds of ``MM``, ``MM:SS``, ``HH:MM:SS``, ``D-HH``, ``D-HH:MM`` or ``D-HH:MM:SS``.

    0 is no limit. Raises ValueError for other text.
    """
    found = _TIME.fullmatch(text)
    if text.upper() in {"UNLIMITED", "INFINITE"}:
        return 0
    if found is None:
        raise ValueError(f"{text[:40]!r} is not a time: write minutes, HH:MM:SS or D-HH:MM:SS")
    days, *fields = found.groups()
    first, second, third = (int(field or 0) for field in fields)
    if days is not None:
        return int(days) * 86400 + first * 3600 + second * 60 + third
    if fields[2] is not None:
        return first * 3600 + second * 60 + third
    return first * 60 + second


def megabytes(text: str) -> int:
    """Return the megabytes, rounded up, of ``2048``, ``2048M`` or ``2G``. 0 is no request.

    Raises ValueError for other text.
    """
    found = _MEMORY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is not a memory size: write megabytes, as 2048, or 2G")
    return -(-int(found[1]) * _BYTES[found[2].upper()] // 1024**2)
