"""The descriptors of a worker, and how they are divided between connections and open files."""

import resource
from dataclasses import dataclass

CONNECTIONS = 4000
# For the database, listening sockets, logs, and files that are opened for a moment.
RESERVE = 300
# However few descriptors there are.
MIN_CONNECTIONS, MIN_TRANSFERS = 50, 8


@dataclass(frozen=True)
class DescriptorBudget:
    """The connections a worker may have, and the requests of repositories: each keeps a file open."""

    connections: int
    transfers: int


def divide(descriptors: int, most_transfers: int) -> DescriptorBudget:
    """Return the budget of a process that may have so many descriptors."""
    free = max(0, descriptors - RESERVE)
    transfers = max(MIN_TRANSFERS, min(most_transfers, free // 4))
    return DescriptorBudget(max(MIN_CONNECTIONS, min(CONNECTIONS, free - transfers)), transfers)


def budget(most_transfers: int) -> DescriptorBudget:
    """Return the budget of this process, whose limit is raised as far as that is allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return divide(hard, most_transfers)
