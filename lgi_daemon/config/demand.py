"""What jobs ask for in their specifics: <cpus> (of each node), <nodes> and <memory> (MB in all)."""

from collections.abc import Iterable
from dataclasses import dataclass

from lgi_protocol import capabilities


@dataclass(frozen=True)
class Demand:
    """Of a job, or of several together: cores, and memory in MB."""

    cpus: int = 0
    memory: int = 0


NOTHING, ONE_CORE = Demand(), Demand(cpus=1)


def demand_of(specifics: str) -> Demand:
    """What a job asks for: one core and no memory when it does not say, or not with a number.

    As the scripts of `command` read it, so that no job is counted as less than it gets.
    """
    cpus, nodes = (
        capabilities.requested_number(specifics, "cpus") or 1,
        capabilities.requested_number(specifics, "nodes") or 1,
    )
    return Demand(cpus * nodes, capabilities.requested_number(specifics, "memory"))


def demand_of_all(specifics: Iterable[str]) -> Demand:
    """What several jobs ask for together."""
    each = [demand_of(one) for one in specifics]
    return Demand(sum(one.cpus for one in each), sum(one.memory for one in each))
