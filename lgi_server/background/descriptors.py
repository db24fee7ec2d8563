"""The file descriptors of a worker, divided between connections and open files."""

import resource
from dataclasses import dataclass

CONNECTIONS = 4000
# For the database, listening sockets, logs, and files that are open for a short time.
RESERVE = 300
# The least numbers, however few descriptors there are.
MIN_CONNECTIONS, MIN_TRANSFERS = 50, 8


@dataclass(frozen=True)
class DescriptorBudget:
    """The numbers of connections and of repository requests, each with an open file, in one worker."""

    connections: int
    transfers: int


def divide(descriptors: int, most_transfers: int) -> DescriptorBudget:
    """Return the budget for this number of descriptors."""
    free = max(0, descriptors - RESERVE)
    transfers = max(MIN_TRANSFERS, min(most_transfers, free // 4))
    return DescriptorBudget(max(MIN_CONNECTIONS, min(CONNECTIONS, free - transfers)), transfers)


def budget(most_transfers: int) -> DescriptorBudget:
    """Raise the limit of descriptors as far as allowed, and return the budget of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return divide(hard, most_transfers)
