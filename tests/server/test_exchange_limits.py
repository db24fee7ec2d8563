"""An exchange may have as many numbers as the protocol document says (wire.md 6), of any length."""

import pytest

from lgi_protocol.errors import ErrorNumber
from lgi_protocol.exchange import Exchange, Want
from tests.support.exchanges import HELLO, daemon
from tests.support.grid import Grid, refusal

MOST_NUMBERS = 1024
# Job numbers have up to nine digits.
BIGGEST = 999_999_999


def numbers(count: int) -> tuple[str, ...]:
    """Return distinct numbers of nine digits."""
    return tuple(str(BIGGEST - one) for one in range(count))


def test_the_longest_lists_of_numbers_are_accepted(grid: Grid) -> None:
    """A daemon that watches many jobs of an old project is not refused for the length of their numbers."""
    one, most = daemon(grid), numbers(MOST_NUMBERS)

    answer = one.post(Exchange(watched=most, wants=(Want(HELLO, 1, without=most),)))

    assert answer.refused == ()


@pytest.mark.parametrize("more", [1, 10_000])
def test_a_longer_list_of_watched_jobs_is_refused(grid: Grid, more: int) -> None:
    """The limit is one of numbers, and one of bytes above it."""
    one = daemon(grid)

    too_many = Exchange(watched=numbers(MOST_NUMBERS + more))

    assert refusal(lambda: one.post(too_many)) == ErrorNumber.JOB_ID_TOO_BIG
