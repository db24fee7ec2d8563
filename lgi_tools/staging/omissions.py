"""The entries of a job that are not stored, as one line for its user."""

from collections.abc import Iterable

from lgi_tools.client.text import one_line

# Bytes. The line becomes part of the end reason of a job, which is limited to 254 bytes.
LONGEST = 200
_LONGEST_PART = 70


def line(omissions: Iterable[tuple[str, str]]) -> str:
    """Return names and reasons, as ``out/ (directory), l (link)``, shortened with a count of the others."""
    parts = [f"{_part(name)} ({_part(why)})" for name, why in omissions]
    shown: list[str] = []
    for number, one in enumerate(parts, 1):
        rest = len(parts) - number
        more = f", ... and {rest} more" if rest else ""
        if len(", ".join([*shown, one]).encode()) + len(more) > LONGEST:
            return f"{', '.join(shown)}, ... and {rest + 1} more"
        shown.append(one)
    return ", ".join(shown)


def _part(text: str) -> str:
    """Return a name and reason on one line, escaped and shortened."""
    safe = one_line(text).encode("utf-8", "backslashreplace")
    if len(safe) <= _LONGEST_PART:
        return safe.decode()
    return f"{safe[: _LONGEST_PART - 3].decode('utf-8', 'ignore')}..."
