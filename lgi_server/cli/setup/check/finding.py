"""What a check has found: a fault, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is: an error keeps somebody from working, a warning will do so later."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One fault: what is wrong, and how to mend it, unless the text says that already."""

    level: Level
    text: str
    remedy: str


def error(text: str, remedy: str = "") -> Finding:
    """Return a finding that keeps somebody from working."""
    return Finding(Level.ERROR, text, remedy)


def warning(text: str, remedy: str) -> Finding:
    """Return a finding that will be an error later."""
    return Finding(Level.WARNING, text, remedy)
