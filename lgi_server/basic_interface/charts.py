"""Small charts as SVG made by the server: bars, with the numbers in words for whoever does not see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BAR_WIDTH, BAR_HEIGHT, LABEL_WIDTH, NUMBER_WIDTH = 420, 26, 170, 70
COLUMN_HEIGHT, COLUMN_WIDTH = 120, 40
# A chart has room for at least so many columns: a single one would fill the page.
LEAST_COLUMNS = 14
_UNITS = (("k", 10**3), ("M", 10**6), ("G", 10**9))


@dataclass(frozen=True)
class Part:
    """A piece of a bar: where it begins, how wide it is, and what it stands for."""

    x: float
    width: float
    kind: str
    number: int


@dataclass(frozen=True)
class ChartBar:
    """A bar of several parts, its label and its number."""

    label: str
    y: float
    parts: tuple[Part, ...]
    end: float
    total: int


@dataclass(frozen=True)
class Column:
    """A column of a chart by day."""

    label: str
    x: float
    y: float
    height: float
    number: int


def bars(counted: Mapping[str, Mapping[str, int]]) -> list[ChartBar]:
    """Return a bar for each name, made of the numbers of its kinds, all to one scale."""
    most = max((sum(kinds.values()) for kinds in counted.values()), default=0)
    scale = BAR_WIDTH / most if most else 0.0
    return [_bar(label, row * BAR_HEIGHT, kinds, scale) for row, (label, kinds) in enumerate(counted.items())]


def _bar(label: str, y: float, kinds: Mapping[str, int], scale: float) -> ChartBar:
    parts, x = [], float(LABEL_WIDTH)
    for kind, number in kinds.items():
        if number:
            width = max(2.0, number * scale)
            parts.append(Part(round(x, 1), round(width, 1), kind, number))
            x += width
    return ChartBar(label, y, tuple(parts), round(x, 1), sum(kinds.values()))


def columns(counted: Sequence[tuple[str, int]]) -> list[Column]:
    """Return a column for each label, all to one scale."""
    most = max((number for _, number in counted), default=0)
    scale = COLUMN_HEIGHT / most if most else 0.0
    return [
        _column(label, index * COLUMN_WIDTH, number, number * scale)
        for index, (label, number) in enumerate(counted)
    ]


def _column(label: str, x: float, number: int, height: float) -> Column:
    return Column(label, x, round(COLUMN_HEIGHT - height, 1), round(height, 1), number)


def short(number: int) -> str:
    """Return a number in so few signs that it fits above a column."""
    if number < 1000:
        return str(number)
    size, unit = next((number / one, unit) for unit, one in _UNITS if number / one < 999.5 or unit == "G")
    return f"{size:.1f}{unit}" if size < 9.95 else f"{size:.0f}{unit}"
