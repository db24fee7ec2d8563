"""Whether a load test was passed."""

from collections.abc import Iterator

from benchmarks.soak.course import Outcome
from benchmarks.soak.plan import EXCHANGE

# No statement may take longer, in seconds.
LONGEST_STATEMENT = 1.0
# With exchanges no turn of a daemon may begin later after it was due, nor the slowest hundredth of the calls
# take longer, in seconds. With LGI's calls the same machine is overloaded sooner, and the test only measures.
LATEST_TURN, SLOWEST_HUNDREDTH = 1.0, 0.1
_SHOWN = 5


def failures(outcome: Outcome) -> list[str]:
    """Return why the test has failed; empty when it was passed."""
    return [*outcome.troubles, *_slow_statements(outcome), *_slow_calls(outcome)]


def _slow_statements(outcome: Outcome) -> list[str]:
    slow = [one for one in outcome.slow if one.seconds > LONGEST_STATEMENT]
    return [f"a statement took {one.seconds:.2f} s: {one.sql}" for one in slow[:_SHOWN]]


def _slow_calls(outcome: Outcome) -> Iterator[str]:
    latencies = outcome.latencies
    if outcome.plan.calls != EXCHANGE:
        return
    for error, number in sorted(latencies.errors.items()):
        yield f"refused or broken: {error}, {number} times"
    if latencies.late.longest > LATEST_TURN:
        yield f"a daemon's turn began {latencies.late.longest:.2f} s after it was due"
    if (slowest := latencies.everything.quantile(0.99)) > SLOWEST_HUNDREDTH:
        yield f"the slowest hundredth of the calls took {1000 * slowest:.0f} ms or more"
