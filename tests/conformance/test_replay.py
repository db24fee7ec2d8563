"""Every recorded exchange with LGI 1.31.6, sent again to ours: the answers are the same or listed."""

from concurrent.futures import Future

import pytest

from tests.conformance import differences, exchanges
from tests.conformance.answers import Lines
from tests.conformance.replay import PATIENT, REPLAYED, replay
from tests.conformance.stage import Stage

pytestmark = [pytest.mark.slow, pytest.mark.long]

SAME: tuple[Lines, Lines] = ((), ())


@pytest.mark.parametrize("name", REPLAYED)
def test_an_exchange_ends_as_recorded_or_as_listed(stage: Stage, name: str) -> None:
    """Element by element. A difference is listed with its reason, and a listed one is there."""
    listed = differences.BY_NAME.get(name)

    only_theirs, only_ours = replay(stage, name)

    assert (only_theirs, only_ours) == ((listed.recorded, listed.ours) if listed else SAME)


def test_a_back_off_comes_after_half_a_minute(back_off: Future[tuple[Lines, Lines]]) -> None:
    """A job that stays locked is waited for; the answer is LGI's."""
    assert back_off.result(110) == SAME


def test_no_exchange_is_forgotten() -> None:
    """Each recorded exchange is replayed, once."""
    accounted = [*REPLAYED, PATIENT]

    assert len(accounted) == 304
    assert sorted(accounted) == sorted(exchanges.ALL)
