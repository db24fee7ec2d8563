"""Geometry of charts of numbers over time, as paths of SVG; templates have the numbers as a table too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lgi_server.basic_interface.charts import short

__all__ = ["HEIGHT", "WIDTH", "Layer", "LevelChart", "short", "stack"]
WIDTH, HEIGHT = 600, 120


@dataclass(frozen=True)
class Layer:
    """What a chart shows of one kind: a path, from the numbers of the layers below it upwards."""

    kind: str
    path: str


@dataclass(frozen=True)
class LevelChart:
    """Layers, and the number that the full height stands for, at least 1; ``offsets`` are begins of spans."""

    layers: tuple[Layer, ...]
    most: int
    offsets: tuple[float, ...]


def stack(numbers: Mapping[str, Sequence[int | None]], gap: float = 0.0) -> LevelChart:
    """Return a chart of the kinds on each other, the first one lowest; None leaves a span empty.

    ``gap`` is the part of the width of a span that is left empty between it and the next one.
    """
    spans = list(zip(*numbers.values(), strict=True))
    most = max((sum(one or 0 for one in span) for span in spans), default=0) or 1
    width = WIDTH / max(1, len(spans))
    layers = []
    below = [0] * len(spans)
    for kind, values in numbers.items():
        above = [low + (value or 0) for low, value in zip(below, values, strict=True)]
        boxes = [
            _box(place * width, width * (1 - gap), low * HEIGHT / most, high * HEIGHT / most)
            for place, (low, high) in enumerate(zip(below, above, strict=True))
            if high > low
        ]
        layers.append(Layer(kind, "".join(boxes)))
        below = above
    return LevelChart(tuple(layers), most, tuple(round(place * width, 1) for place in range(len(spans))))


def _box(x: float, width: float, low: float, high: float) -> str:
    """Return a rectangle, at least one unit high, so that a single job is seen beside thousands."""
    high = max(high, low + 1)
    return f"M{x:.1f} {HEIGHT - low:.1f}v{low - high:.1f}h{width:.1f}v{high - low:.1f}z"
