"""Exponential back-off."""

import pytest

from lgi_protocol.backoff import Backoff


def test_a_backoff_doubles_its_delay_up_to_the_longest() -> None:
    """The first delay as given, each further one twice as long, none longer than the longest."""
    backoff = Backoff(first=10.0, longest=300.0)

    assert [backoff.next_delay(attempt) for attempt in range(7)] == [
        10.0,
        20.0,
        40.0,
        80.0,
        160.0,
        300.0,
        300.0,
    ]


def test_a_backoff_uses_its_factor() -> None:
    """A factor other than two is used for both ways of asking."""
    backoff = Backoff(first=1.0, longest=10.0, factor=1.5)

    assert [backoff.next_delay(attempt) for attempt in range(3)] == [1.0, 1.5, 2.25]
    assert (backoff.increase(4.0), backoff.increase(9.0)) == (6.0, 10.0)


@pytest.mark.parametrize("attempt", [100, 1024, 10**6, 10**400])
def test_a_backoff_never_overflows(attempt: int) -> None:
    """After any number of attempts the delay is the longest one."""
    assert Backoff(first=10.0, longest=300.0).next_delay(attempt) == 300.0
