"""The places of a worker."""

from contextlib import ExitStack

import pytest

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.background.concurrency_limiter import ConcurrencyLimiter

pytestmark = pytest.mark.slow


def take(crowd: ConcurrencyLimiter, stack: ExitStack, name: str, number: int) -> int:
    """How many of so many places a caller gets."""
    got = 0
    for _ in range(number):
        try:
            stack.enter_context(crowd.slot(name))
        except LGIError as refused:
            return got if refused.number == ErrorNumber.BACK_OFF else -1
        got += 1
    return got


def test_one_caller_has_a_quarter_of_the_places_at_most() -> None:
    """However many slow bodies it sends, others are answered."""
    crowd = ConcurrencyLimiter(100)
    with ExitStack() as stack:
        assert take(crowd, stack, "eve", 1000) == 25
        assert take(crowd, stack, "mark", 10) == 10
    with ExitStack() as stack:
        assert take(crowd, stack, "eve", 1000) == 25


def test_all_callers_together_have_the_places_there_are() -> None:
    """The next one is told to come back, whoever it is."""
    crowd = ConcurrencyLimiter(20)
    with ExitStack() as stack:
        assert [take(crowd, stack, f"user{number}", 8) for number in range(4)] == [8, 8, 4, 0]


@pytest.mark.parametrize("places", [1, 3, 8])
def test_a_few_places_are_not_divided(places: int) -> None:
    """A share is eight at least, as far as there are so many."""
    with ExitStack() as stack:
        assert take(ConcurrencyLimiter(places), stack, "mark", 100) == places
