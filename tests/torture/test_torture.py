"""The short form of `make torture`: a minute of faults in a grid of real programs."""

import pytest

from tests.torture import course
from tests.torture.plan import Plan

# The storm takes half a minute, and the end of all that was begun as long as the machine is busy.
pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(900)]

SECONDS = 30.0
SEED = 20_261_129


@pytest.mark.parametrize("database", ["sqlite", "mariadb"])
def test_a_grid_under_faults_ends_each_job_once(database: str) -> None:
    """Each accepted job ends once with its own output, runs once a claim, and leaves nothing."""
    plan = Plan(
        SEED, seconds=SECONDS, daemons=3, jobs=80, queued=40, pause=3.0, longest=15.0, database=database
    )

    outcome = course.run(plan)

    assert outcome.broken == [], f"seed {plan.seed}"
    assert outcome.runs >= outcome.accepted / 2
    assert outcome.done.total() >= SECONDS / 6
