"""How many jobs an exchange asks for: as many as none of the limits would refuse."""

import pytest

from lgi_daemon.claiming.limits import Level
from lgi_daemon.claiming.wants import MOST_JOBS, want
from lgi_daemon.config.rules import LimitRules
from lgi_protocol.demand import Demand


def level(
    allow: dict[str, int] | None = None,
    limit: int = 10,
    jobs: tuple[str, ...] = (),
    *,
    cores: int = 0,
    memory: int = 0,
    used: Demand | None = None,
) -> Level:
    """A level with one job for each of these owners."""
    rules = LimitRules(allow or {"any": 1000}, (), limit, cores, memory)
    return Level("here", rules, tuple((owner,) for owner in jobs), used or Demand())


def test_the_smallest_room_of_all_levels_is_asked_for() -> None:
    """The application may have ten jobs, its resource two more."""
    found = want("app", [level(limit=3, jobs=("eve",)), level(limit=10)], ())

    assert found is not None
    assert (found.application, found.count, found.owners) == ("app", 2, "")
    assert (found.cores, found.memory) == (None, None)


def test_a_full_level_asks_for_nothing() -> None:
    """No want is sent, not even one of no jobs."""
    assert want("app", [level(limit=1, jobs=("eve",))], ()) is None


def test_an_exchange_asks_for_a_bounded_number() -> None:
    """Its jobs are stored one by one before the next."""
    found = want("app", [level(limit=1000)], ())

    assert found is not None
    assert found.count == MOST_JOBS


@pytest.mark.parametrize(
    ("allow", "jobs", "count"),
    [
        ({"any": 3}, (), 3),
        ({"any": 3}, ("eve", "eve"), 1),
        # She may have no more, and the filter says so.
        ({"any": 3}, ("eve", "eve", "eve"), 3),
        ({"any": 3, "mark": 2}, (), 2),
        ({"mark": 7}, (), 7),
    ],
)
def test_no_more_jobs_are_asked_for_than_any_owner_may_have(
    allow: dict[str, int], jobs: tuple[str, ...], count: int
) -> None:
    """All of them may be of that owner."""
    found = want("app", [level(allow, jobs=jobs)], ())

    assert found is not None
    assert found.count == count


def test_owners_who_may_have_no_more_are_left_out() -> None:
    """As in a request for work."""
    found = want("app", [level({"any": 1}, jobs=("eve",))], ())

    assert found is not None
    assert found.owners == "!eve"


def test_the_rest_of_cores_and_memory_is_said() -> None:
    """The least of the levels; in MB."""
    levels = [level(cores=8, memory=1000, used=Demand(5, 300)), level(cores=4, used=Demand(2, 100))]

    found = want("app", levels, ("1", "2"))

    assert found is not None
    assert (found.cores, found.memory, found.without) == (2, 700, ("1", "2"))
