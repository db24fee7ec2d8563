"""How much code a call passes: what is added to every call is noticed here before it is noticed by users."""

from collections.abc import Mapping

import pytest

from benchmarks import call_depth
from benchmarks.call_depth import Depth


@pytest.fixture(scope="module")
def depths() -> Mapping[str, Depth]:
    """The least depth of each call of a job's life, by its name, of three measurements.

    On a slow machine what a worker remembers for a second may be read once more within a call.
    """
    found: dict[str, Depth] = {}
    for _ in range(3):
        for depth in call_depth.measure():
            found[depth.call] = min(found.get(depth.call, depth), depth, key=lambda one: one.functions)
    return found


@pytest.mark.parametrize(
    ("call", "modules", "functions"), [("resource_unlock_job", 20, 120), ("interface_submit_job", 29, 380)]
)
def test_a_call_passes_no_more_than_its_limit_of_modules_and_functions(
    depths: Mapping[str, Depth], call: str, modules: int, functions: int
) -> None:
    """A change that needs more must save some elsewhere."""
    depth = depths[call]

    assert len(depth.modules) <= modules, sorted(depth.modules)
    assert depth.functions <= functions


def test_the_dispatcher_is_entered_once_by_every_call(depths: Mapping[str, Depth]) -> None:
    """Its steps come one after the other: nothing below them calls back into it."""
    assert {call: depth.dispatched for call, depth in depths.items()} == dict.fromkeys(depths, 1)


def test_the_counts_are_not_those_of_an_empty_call(depths: Mapping[str, Depth]) -> None:
    """A profiler that sees nothing would keep every limit."""
    assert all(len(depth.modules) > 10 and depth.functions > 50 for depth in depths.values())
