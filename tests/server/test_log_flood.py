"""What strangers can write into the server's log: little."""

import logging

import pytest

from lgi_server.serving.log_rate_limit import MOST, SECONDS, RateLimitFilter
from tests.server.test_tls import anonymous
from tests.support.grid import Grid

pytestmark = pytest.mark.slow

STRANGERS = 600


def written(
    flood: RateLimitFilter, lines: int, level: int = logging.WARNING, name: str = "lgi.api"
) -> list[str]:
    """What is left of so many lines."""
    records = [logging.LogRecord(name, level, "", 0, "no %s", (number,), None) for number in range(lines)]
    return [record.getMessage() for record in records if flood.filter(record)]


def test_warnings_beyond_the_limit_are_left_out_and_counted() -> None:
    """The last one says so, and the first one afterwards how many there were."""
    now = 0.0
    flood = RateLimitFilter(lambda: now)

    first = written(flood, MOST + 50)
    now = SECONDS
    later = written(flood, 2)

    assert len(first) == MOST
    assert first[:2] + first[-1:] == ["no 0", "no 1", f"(the last one for at most 10 s) no {MOST - 1}"]
    assert later == ["50 lines were left out before this one: no 0", "no 1"]


@pytest.mark.parametrize(("level", "name"), [(logging.INFO, "lgi.api"), (logging.WARNING, "lgi.scheduler")])
def test_ordinary_work_and_other_parts_are_written_all_the_same(level: int, name: str) -> None:
    """A flood hides nothing but what it consists of."""
    flood = RateLimitFilter(lambda: 0.0)
    written(flood, MOST + 1)

    assert written(flood, MOST - 1, level, name) == [f"no {number}" for number in range(MOST - 1)]


def test_a_stranger_cannot_fill_the_log(grid: Grid) -> None:
    """Whoever has no certificate is refused as often as he likes, and named some times."""
    before = grid.log.read_text().count("'nobody'")
    session = anonymous(grid)

    for _ in range(STRANGERS):
        assert "<number> 2 <" in session.get(f"{grid.url}/resources/resource_job_state").text

    assert 1 <= grid.log.read_text().count("'nobody'") - before < STRANGERS / 2
