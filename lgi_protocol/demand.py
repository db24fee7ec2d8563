"""What jobs request in their specifics: <cpus> and <gpus> (per node), <nodes> and <memory> (MB in total)."""

from collections.abc import Iterable

from lgi_protocol import capabilities
from lgi_protocol.capabilities import GPUS
from lgi_protocol.value_object import value_object


@value_object
class Demand:
    """Cores, memory (MB) and GPUs that one job, or several jobs together, request."""

    cpus: int = 0
    memory: int = 0
    gpus: int = 0


NO_DEMAND, ONE_CORE = Demand(), Demand(cpus=1)


def demand_of(specifics: str) -> Demand:
    """Return what a job requests: one core and no memory where it gives no number.

    The scripts of the application `command` read the specifics in the same way, so no job is counted with
    less than it gets.
    """
    cpus, nodes = (
        capabilities.requested_number(specifics, "cpus") or 1,
        capabilities.requested_number(specifics, "nodes") or 1,
    )
    gpus = capabilities.requested_number(specifics, GPUS) if GPUS in specifics else 0
    return Demand(cpus * nodes, capabilities.requested_number(specifics, "memory"), gpus * nodes)


def total_demand(specifics: Iterable[str]) -> Demand:
    """Return the sum of what several jobs request."""
    demands = [demand_of(one) for one in specifics]
    return Demand(
        sum(one.cpus for one in demands),
        sum(one.memory for one in demands),
        sum(one.gpus for one in demands),
    )
