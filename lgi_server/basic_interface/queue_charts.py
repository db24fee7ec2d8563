"""Charts of the start page: own jobs, and the queue and the ended jobs of the project, over time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from lgi_server.api.fields import SHORT, E, Field
from lgi_server.basic_interface import level_chart
from lgi_server.basic_interface.level_chart import LevelChart
from lgi_server.basic_interface.registry import PageContext
from lgi_server.services.scheduling.queue_history import DAY, HOUR
from lgi_server.tables import queue_history
from lgi_server.tables.queue_history import PROJECT, QueueSpan

PERIOD = Field("period", SHORT, E.LIMIT_TOO_BIG, E.LIMIT_TOO_BIG)
# Lengths of the spans, numbers of them, how their begins are written, and every which one is.
_PERIODS = {"day": (HOUR, 24, "%H:%M", 4), "month": (DAY, 30, "%d %b", 5)}


@dataclass(frozen=True)
class ChartRow:
    """The numbers of a span, of the user and of the project; ``label`` is empty where the axis has none."""

    begins: int
    title: str
    label: str
    own: QueueSpan
    all: QueueSpan


@dataclass(frozen=True)
class QueueCharts:
    """The charts of a period, ``day`` or ``month``; ``own`` is None when the user had no jobs in it."""

    period: str
    rows: tuple[ChartRow, ...]
    own: LevelChart | None
    queue: LevelChart
    ended: LevelChart | None


def charts(visit: PageContext) -> QueueCharts | None:
    """Return the charts of the period that the address names, a day by default; None without a history."""
    named = visit.query.tag(PERIOD)
    period = named if named in _PERIODS else "day"
    rows = _rows(visit, period)
    if all(row.all.queued is None and not row.all.ended for row in rows):
        return None
    own, everyone = [row.own for row in rows], [row.all for row in rows]
    has_own = any(one.queued or one.running for one in own)
    has_ended = any(one.ended for one in everyone)
    return QueueCharts(
        period,
        rows,
        level_chart.stack(_levels(own)) if has_own else None,
        level_chart.stack(_levels(everyone)),
        level_chart.stack(_ends(everyone), gap=0.2) if has_ended else None,
    )


def _rows(visit: PageContext, period: str) -> tuple[ChartRow, ...]:
    seconds, number, form, step = _PERIODS[period]
    first = visit.now - visit.now % seconds - (number - 1) * seconds
    own = queue_history.since(visit.transaction, visit.user.name, seconds, first)
    everyone = queue_history.since(visit.transaction, PROJECT, seconds, first)
    rows = []
    for place, begins in enumerate(range(first, visit.now + 1, seconds)):
        title = datetime.fromtimestamp(begins, UTC).strftime(form)
        label = "" if place % step else title
        of_all = everyone.get(begins, QueueSpan())
        rows.append(ChartRow(begins, title, label, _own(own, begins, of_all), of_all))
    return tuple(rows)


def _own(own: Mapping[int, QueueSpan], begins: int, of_all: QueueSpan) -> QueueSpan:
    """Return the span of a user; without a row there were no jobs, unless the scheduler has not looked."""
    none = QueueSpan() if of_all.queued is None else QueueSpan(0, 0)
    return none + own.get(begins, none)


def _levels(spans: list[QueueSpan]) -> dict[str, list[int | None]]:
    return {"running": [one.running for one in spans], "queued": [one.queued for one in spans]}


def _ends(spans: list[QueueSpan]) -> dict[str, list[int | None]]:
    return {
        "finished": [one.ended - one.failed for one in spans],
        "failed": [one.failed for one in spans],
    }
