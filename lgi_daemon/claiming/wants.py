"""How many jobs of an application are asked for in an exchange, and which not: a decision without effects."""

from collections.abc import Iterable, Sequence

from lgi_daemon.claiming.limits import Level, owners_filter
from lgi_daemon.claiming.offer_pages import free_slots
from lgi_protocol import comma_lists
from lgi_protocol.exchange import Want

# In one exchange, as its jobs are stored one by one before the next.
MOST_JOBS = 64


def want(application: str, levels: Sequence[Level], without: Iterable[str]) -> Want | None:
    """Return what to ask for, None when the levels have room for no job of anybody.

    All of these jobs may be of one owner, who may have a limit: no more are asked for than any owner may get.
    """
    count = min(free_slots(levels), MOST_JOBS, _least_headroom(levels))
    if count <= 0:
        return None
    return Want(
        application,
        count,
        owners_filter(levels),
        tuple(without),
        cores=_free((one.rules.cpu_limit, one.used.cpus) for one in levels),
        memory=_free((one.rules.memory_limit, one.used.memory) for one in levels),
        gpus=_free((one.rules.gpus, one.used.gpus) for one in levels),
    )


def _least_headroom(levels: Sequence[Level]) -> int:
    """Return how many more jobs each owner may have who may have any."""
    numbers = [MOST_JOBS]
    for level in levels:
        owners = {*level.rules.owner_allow, *level.counts} - {comma_lists.ANY}
        limits = [(level.rules.limit_of(owner), level.counts[owner]) for owner in owners]
        limits.append((level.rules.owner_allow.get(comma_lists.ANY), 0))
        numbers += [limit - jobs for limit, jobs in limits if limit is not None and limit > jobs]
    return min(numbers)


def _free(levels: Iterable[tuple[int, int]]) -> int | None:
    """Return the least that is left of a limit, None when no level has one."""
    return min((max(0, limit - used) for limit, used in levels if limit), default=None)
