"""The order in which users want their own jobs, by the priorities that they have given them.

It changes nothing between users: the jobs of each are put into the places that these jobs have already.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lgi_server.tables.job_queue.priorities import Queue, Queued

# How many times more jobs are read than ordered when a user gives many different priorities.
_TIMES = 4


def limits(queues: Sequence[Queue], most: int) -> tuple[int, dict[Queue, int]]:
    """Return how many jobs to order of queues that differ in the priority alone, and to read of each queue.

    About ``most`` jobs are ordered in all.
    """
    levels = Counter(_plain(queue) for queue in queues)
    each = max(2, most // len(levels))
    return each, {queue: min(each, max(2, _TIMES * each // levels[_plain(queue)])) for queue in queues}


def _plain(queue: Queue) -> Queue:
    return replace(queue, user_priority=0)


def preferred(
    heads: Mapping[Queue, Sequence[Queued]], each: int, limits: Mapping[Queue, int]
) -> tuple[list[Queued], list[Queue]]:
    """Return the jobs to order, and the queues that have jobs behind these.

    ``heads`` has the first jobs of queues, within the `limits`. Of the queues that differ in the priority
    alone the first ``each`` jobs are ordered, none behind a queue that may have more than were read.
    """
    by_user: dict[Queue, list[Queue]] = defaultdict(list)
    for queue in heads:
        by_user[_plain(queue)].append(queue)
    chosen: list[Queued] = []
    behind: list[Queue] = []
    for queues in by_user.values():
        left = each
        for queue in sorted(queues, key=lambda one: -one.user_priority):
            jobs = heads[queue]
            if len(jobs) > left:
                behind.append(queue)
            chosen += jobs[:left]
            left = max(0, left - len(jobs)) if len(jobs) < limits[queue] else 0
    return chosen, behind


def by_own_priority(jobs: Sequence[Queued]) -> list[Queued]:
    """Return jobs, which are in the order of their places, with those of each user by their priorities."""
    of_users: dict[str, list[Queued]] = defaultdict(list)
    for job in sorted(jobs, key=lambda job: -job.user_priority):
        of_users[_user(job)].append(job)
    following = {user: iter(own) for user, own in of_users.items()}
    return [next(following[_user(job)]) for job in jobs]


def _user(job: Queued) -> str:
    return job.owners[0] if job.owners else ""
