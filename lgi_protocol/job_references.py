"""References to jobs in text: ``7``, the range ``12-40``, the array ``102[]`` or elements ``102[1-3,9]``."""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from lgi_protocol.value_object import value_object

_RANGE = re.compile(r"([0-9]{1,18})(?: *- *([0-9]{1,18}))?")
_ARRAY = re.compile(r"([0-9]{1,18})\[([0-9, -]*)\]")
# Numbers that stand next to each other and are written as a range.
_RUN = 3


@value_object
class ArrayReference:
    """An array, or those of its elements whose indexes are in ``ranges``, each with its last one."""

    array_id: int
    ranges: tuple[tuple[int, int], ...] = ()


def split(text: str) -> Iterator[str]:
    """Yield the references of a comma list; a comma in brackets separates indexes."""
    part: list[str] = []
    is_inside = False
    for piece in text.split(","):
        part.append(piece)
        is_inside = (is_inside or "[" in piece) and "]" not in piece
        if not is_inside and (found := ",".join(part).strip()):
            yield found
        part = part if is_inside else []
    if part:
        yield ",".join(part).strip()


def read(text: str) -> range | ArrayReference:
    """Return the numbers that a reference means, or the array. Raises ValueError."""
    if match := _ARRAY.fullmatch(text):
        indexes = [one.strip() for one in match[2].split(",") if one.strip()]
        return ArrayReference(int(match[1]), tuple(_range(one) for one in indexes))
    first, last = _range(text)
    return range(first, last + 1)


def _range(text: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(text)
    if match is None:
        why = "write a number, a range as 12-40, an array as 102[] or elements as 102[1-3,9]"
        raise ValueError(f"{text[:40]!r} is not a job id: {why}")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise ValueError(f"the range {text[:40]} is empty: write the lower number first")
    return first, last


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return different numbers as ranges, in ascending order."""
    ordered = sorted(numbers)
    begins = [*ordered[:1], *(right for left, right in pairwise(ordered) if right != left + 1)]
    ends = [*(left for left, right in pairwise(ordered) if right != left + 1), *ordered[-1:]]
    return list(zip(begins, ends, strict=True))


def write(numbers: Iterable[int]) -> str:
    """Return different numbers as text: ``7, 8, 12-40``."""
    words: list[str] = []
    for first, last in runs(numbers):
        is_long = last - first + 1 >= _RUN
        words += [f"{first}-{last}"] if is_long else map(str, range(first, last + 1))
    return ", ".join(words)
