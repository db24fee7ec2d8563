"""When the simulated daemons of the load test start and stop."""

from itertools import pairwise

from benchmarks.soak.plan import MOST_STARTS, Plan


def test_daemons_stop_one_after_the_other_as_they_start() -> None:
    """Each works for the time of the test, and no more than 20 start or stop in a second."""
    plan = Plan(resources=1000, seconds=600.0)

    times = [plan.working_time(place) for place in range(plan.resources)]

    assert times[0] == (0.0, 600.0)
    for number in (0, 1):
        gaps = [later - earlier for earlier, later in pairwise(one[number] for one in times)]
        assert min(gaps) >= 1 / MOST_STARTS - 1e-9
