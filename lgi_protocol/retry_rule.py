"""After which ends a job is tried again: a text as ``exit 75, exit 1-9, signal, lost``."""

import re

from lgi_protocol.job_end import MAX_CODE, End
from lgi_protocol.value_object import value_object

# Words beside exit codes: a signal, a job whose daemon was lost, and any failure.
SIGNAL, LOST, ANY = "signal", "lost", "any"
MOST_RETRIES, MOST_BACKOFF = 100, 3600
DEFAULT_BACKOFF = 60
# Bytes of a rule.
MOST_TEXT = 254
_EXIT = re.compile(r"exit ([0-9]{1,3})(?:-([0-9]{1,3}))?")


@value_object
class RetryRule:
    """The ends after which a job is tried again: exit codes, as ranges, and words."""

    codes: tuple[tuple[int, int], ...] = ()
    words: frozenset[str] = frozenset({ANY})

    def matches(self, end: End, is_lost: bool = False) -> bool:
        """Return whether a job that has failed in this way is tried again."""
        if ANY in self.words or (is_lost and LOST in self.words):
            return True
        if end.exit_signal is not None:
            return SIGNAL in self.words
        return any(first <= (end.exit_code or 0) <= last for first, last in self.codes)


def read_rule(text: str) -> RetryRule:
    """Return the rule in a text; an empty one means any failure. Raises ValueError."""
    codes, words = list[tuple[int, int]](), set[str]()
    for part in text.lower().split(","):
        word = " ".join(part.split())
        if found := _EXIT.fullmatch(word):
            codes.append(_range(word, int(found[1]), int(found[2] or found[1])))
        elif word in {SIGNAL, LOST, ANY}:
            words.add(word)
        elif word or (text.strip() and not text.strip(" ,")):
            raise ValueError(f"{word[:40]!r} is none of exit CODE, exit FIRST-LAST, signal, lost, any")
    return RetryRule(tuple(codes), frozenset(words)) if codes or words else RetryRule()


def _range(word: str, first: int, last: int) -> tuple[int, int]:
    if not 1 <= first <= last <= MAX_CODE:
        raise ValueError(f"{word!r} has no exit codes of a failure: they are 1 to {MAX_CODE}")
    return first, last


def normalize_rule(text: str) -> str:
    """Return a text as it is stored. Raises ValueError for one that is no rule, or is too long."""
    read_rule(text)
    normal = ", ".join(" ".join(part.split()) for part in text.lower().split(",") if part.strip())
    if len(normal.encode()) > MOST_TEXT:
        raise ValueError(f"it has more than {MOST_TEXT} bytes")
    return normal
