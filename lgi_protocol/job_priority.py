"""The priority of a job among the other queued jobs of its user."""

import re

# From -MOST to MOST; jobs without one have 0, and the highest is started first.
MOST = 100
_NUMBER = re.compile(r"[+-]?[0-9]{1,4}")


def read_priority(text: str) -> int:
    """Return the priority that text writes, 0 for empty text. Raises ValueError."""
    text = text.strip()
    if not text:
        return 0
    if not (_NUMBER.fullmatch(text) and abs(int(text)) <= MOST):
        raise ValueError(f"{text[:20]!r} is not a number from {-MOST} to {MOST}")
    return int(text)
