"""Daemons that use the certificate of the same resource get their number from the server."""

import time

import pytest

from lgi_protocol.errors import ServerError
from lgi_protocol.resource_api import ResourceCalls
from lgi_server.services.access.daemons import MAX_DAEMONS, RECENT_SECONDS
from tests.support.grid import Grid
from tests.support.pages import Browser


def others(calls: ResourceCalls, daemon: str) -> int:
    """Sign up as a daemon; return the number of other daemons in the answer."""
    return calls.sign_up(daemon=daemon).other_daemons


def test_two_daemons_with_one_certificate_are_told_of_each_other(grid: Grid) -> None:
    """They are distinguished by their numbers, which stay over a restart; another resource does not count."""
    calls, stranger = grid.resource("res1@cluster"), grid.resource("res2@cluster")

    assert [others(calls, "A"), others(calls, "A")] == [0, 0]
    assert [others(calls, "B"), others(calls, "A"), others(calls, "C")] == [1, 1, 2]
    assert others(stranger, "D") == 0


def test_a_caller_without_a_number_is_not_counted(grid: Grid) -> None:
    """Old daemons, LGI_join and LGI_qsub: their answer is as it was."""
    calls = grid.resource("res1@cluster")
    others(calls, "A")

    assert others(calls, "") == 0
    assert others(calls, "A") == 0
    assert grid.rows("SELECT daemon FROM resource_daemons") == [{"daemon": "A"}]


def test_a_daemon_that_has_not_signed_up_for_half_an_hour_is_forgotten(grid: Grid) -> None:
    """Its run directory was moved, or it was stopped: the other one is alone then."""
    calls = grid.resource("res1@cluster")
    others(calls, "A")
    grid.run("UPDATE resource_daemons SET signed_up = %s", int(time.time()) - RECENT_SECONDS - 5)

    assert others(calls, "B") == 0
    assert grid.rows("SELECT daemon FROM resource_daemons") == [{"daemon": "B"}]


def test_a_sign_up_is_stored_at_most_once_a_minute(grid: Grid) -> None:
    """A busy daemon signs up every few seconds; a time in the future, of a wrong clock, is corrected."""
    calls, now = grid.resource("res1@cluster"), int(time.time())
    others(calls, "A")
    times = []
    for stored in (now - 30, now - 70, now + 5000):
        grid.run("UPDATE resource_daemons SET signed_up = %s", stored)
        others(calls, "A")
        times += [row["signed_up"] for row in grid.rows("SELECT signed_up FROM resource_daemons")]

    assert times[0] == now - 30
    assert all(now <= one < now + 60 for one in times[1:])


def test_the_numbers_of_one_resource_are_bounded(grid: Grid) -> None:
    """It could send another one each time; nor may one be long, or hold control characters."""
    calls = grid.resource("res1@cluster")

    told = [others(calls, f"daemon {number}") for number in range(MAX_DAEMONS + 5)]

    assert told[-1] == MAX_DAEMONS
    assert len(grid.rows("SELECT daemon FROM resource_daemons")) == MAX_DAEMONS
    for daemon in ("x" * 65, "a\x07b"):
        with pytest.raises(ServerError):
            others(calls, daemon)


def test_the_page_of_resources_shows_that_several_daemons_call(grid: Grid) -> None:
    """One is as it should be, and not mentioned."""
    calls, single = grid.resource("res1@cluster"), grid.resource("res2@cluster")
    for daemon in ("A", "B"):
        others(calls, daemon)
    others(single, "C")

    first, second = Browser(grid).get("resources").rows()

    assert "2 daemons" in first["Called last"]
    assert "daemon" not in second["Called last"]
