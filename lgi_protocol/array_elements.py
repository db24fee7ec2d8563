"""The elements of an array: the combinations of numbers, lines and files, and their words in a text."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import product
from pathlib import PurePosixPath

from lgi_protocol.value_object import value_object

# Elements of one array: servers take no more.
MOST = 100_000
# Characters of values in a text of an element: longer than any word that a system takes in a command.
MOST_WRITTEN = 2**20
# Characters of a text in a message.
_SHOWN = 60
_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9})(?::([0-9]{1,9}))?)?")
# {} or {1}, {.} or {1.} without the extension, {#} for the index. Longer numbers, which name none, are text:
# Python refuses to read one of thousands of digits.
_PLACE = re.compile(r"\{(?:(#)|([0-9]{0,4})(\.?))\}")


@value_object
class Value:
    """A value for ``{}``; ``file`` is sent with the element, ``index`` is that of a number."""

    text: str
    file: str = ""
    index: int | None = None

    @cached_property
    def size(self) -> int:
        """The bytes of its text, kept for all elements that have it."""
        return _size(self.text)

    @cached_property
    def stem_size(self) -> int:
        """The bytes of its text without the extension."""
        return _size(_stem(self.text))


@value_object
class ArrayElement:
    """An element of an array: its index, and a value of each dimension."""

    index: int
    values: tuple[Value, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """The files to send with it."""
        return tuple(value.file for value in self.values if value.file)

    def written(self, text: str) -> str:
        """Return a text with the values of this element; a number in braces that names none stays.

        Raises ValueError for values of more than `MOST_WRITTEN` characters, which are not put together.
        """
        size = 0

        def value(match: re.Match[str]) -> str:
            nonlocal size
            found = self._value(match)
            size += len(found)
            if size > MOST_WRITTEN:
                raise ValueError(
                    f"{text[:_SHOWN]!r} has too many places for values as long as those of element"
                    f" {self.index}: they may have {MOST_WRITTEN} characters, write fewer"
                )
            return found

        return _PLACE.sub(value, text)

    def value_size(self, place: int, stem: bool) -> int:
        """Return the bytes of a value, counted from 1, or of the index (0).

        ``stem`` is whether the value is without its extension.
        """
        if not place:
            return len(str(self.index))
        value = self.values[place - 1]
        return value.stem_size if stem else value.size

    def _value(self, match: re.Match[str]) -> str:
        if match[1]:
            return str(self.index)
        place = int(match[2] or 1)
        if not 1 <= place <= len(self.values):
            return match[0]
        text = self.values[place - 1].text
        return _stem(text) if match[3] else text


def _stem(text: str) -> str:
    directory, slash, name = text.rpartition("/")
    return f"{directory}{slash}{PurePosixPath(name).stem if name else ''}"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def sizes(text: str, elements: Sequence[ArrayElement]) -> Iterator[int]:
    """Yield for each element of an array how many bytes `written` makes of a text, without making it."""
    dimensions = len(elements[0].values) if elements else 0
    own = _size(text)
    # As few as there are values, however many places the text has.
    counts: Counter[tuple[int, bool]] = Counter()
    for match in _PLACE.finditer(text):
        place = 0 if match[1] else int(match[2] or 1)
        if match[1] or 1 <= place <= dimensions:
            counts[place, bool(match[3])] += 1
            own -= len(match[0])
    for element in elements:
        yield own + sum(count * element.value_size(*kind) for kind, count in counts.items())


def is_unnumbered(text: str) -> bool:
    """Return whether a text has a ``{}`` or ``{.}``, which names the only dimension."""
    return any(not match[1] and not match[2] for match in _PLACE.finditer(text))


def has_place(text: str) -> bool:
    """Return whether a text has anything that elements replace."""
    return _PLACE.search(text) is not None


def size_of(dimensions: Sequence[Sequence[Value]]) -> int:
    """Return how many elements the values make. Raises ValueError for too many."""
    size = math.prod(map(len, dimensions))
    if size > MOST:
        raise ValueError(f"{size} elements are too many: an array has at most {MOST}")
    return size


def elements(dimensions: Sequence[Sequence[Value]]) -> Iterator[ArrayElement]:
    """Yield every combination of values, the last dimension changing fastest.

    The index is the number itself where the only dimension has numbers, else the place from 1.
    """
    for place, values in enumerate(product(*dimensions), 1):
        number = values[0].index if len(values) == 1 else None
        yield ArrayElement(place if number is None else number, values)


def numbers(text: str) -> list[Value]:
    """Return the numbers of ``1-200``, ``0-100:10`` or ``1,3,7-9``, as they stand. Raises ValueError."""
    ranges = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise ValueError(
                f"{part[:_SHOWN]!r} is no range of an array: write numbers, as 1-200, 0-100:10 or 1,3,7-9"
            )
        first, step = int(match[1]), int(match[3] or 1)
        ranges.append(range(first, int(match[2] or first) + 1, step or 1))
        if not step or not ranges[-1]:
            raise ValueError(f"the range {part} is empty: write the lower number first, and a step above 0")
    size = sum(map(len, ranges))
    if size > MOST:
        raise ValueError(f"{size} elements are too many: an array has at most {MOST}")
    every = [number for one in ranges for number in one]
    seen: set[int] = set()
    for number in every:
        if number in seen:
            raise ValueError(f"the array has element {number} twice")
        seen.add(number)
    return [Value(str(number), index=number) for number in every]


def lines(name: str, text: str) -> list[Value]:
    """Return the lines of a text that are not empty; messages call it ``name``. Raises ValueError."""
    found = [line.removesuffix("\r") for line in text.split("\n")]
    for number, line in enumerate(found, 1):
        if "\0" in line:
            raise ValueError(f"line {number} of {name} has a NUL character, which no command line can have")
    values = [Value(line) for line in found if line.strip()]
    if not values:
        raise ValueError(f"{name} has no lines")
    return values
