"""Geometry of small SVG charts; the templates also have the numbers as text, for screen readers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BAR_WIDTH, BAR_HEIGHT, LABEL_WIDTH, NUMBER_WIDTH = 420, 26, 170, 70
COLUMN_HEIGHT, COLUMN_WIDTH = 120, 40
# The least number of columns that a chart is scaled to: otherwise a single one would fill the page.
LEAST_COLUMNS = 14
_UNITS = (("k", 10**3), ("M", 10**6), ("G", 10**9))


@dataclass(frozen=True)
class Part:
    """A part of a bar, for one kind of things."""

    x: float
    width: float
    kind: str
    number: int


@dataclass(frozen=True)
class ChartBar:
    """A bar of several parts; ``total`` is the sum of their numbers."""

    label: str
    y: float
    parts: tuple[Part, ...]
    end: float
    total: int


@dataclass(frozen=True)
class Column:
    """A column of a chart over time."""

    label: str
    x: float
    y: float
    height: float
    number: int


def bars(counted: Mapping[str, Mapping[str, int]]) -> list[ChartBar]:
    """Return a bar for each label, with a part for each kind; all have the same scale."""
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
    """Return a column for each label; all have the same scale."""
    most = max((number for _, number in counted), default=0)
    scale = COLUMN_HEIGHT / most if most else 0.0
    return [
        _column(label, index * COLUMN_WIDTH, number, number * scale)
        for index, (label, number) in enumerate(counted)
    ]


def _column(label: str, x: float, number: int, height: float) -> Column:
    return Column(label, x, round(COLUMN_HEIGHT - height, 1), round(height, 1), number)


def short(number: int) -> str:
    """Return a number as a short text that fits above a column."""
    if number < 1000:
        return str(number)
    size, unit = next((number / one, unit) for unit, one in _UNITS if number / one < 999.5 or unit == "G")
    return f"{size:.1f}{unit}" if size < 9.95 else f"{size:.0f}{unit}"
