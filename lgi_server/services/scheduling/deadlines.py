"""Deadlines: the priority of a job among those of its user rises as its deadline comes nearer."""

from functools import partial

from lgi_server.db.pool import Database
from lgi_server.tables.job_queue import priorities

# The least priority of a job by the seconds that are left until its deadline.
STEPS = {24 * 3600: 50, 6 * 3600: 75, 3600: 100}
# Seconds after a deadline in which its job is still looked for; later it keeps the priority of the last step.
_LATE = 24 * 3600


def raise_priorities(database: Database, now: int) -> int:
    """Give queued jobs the priorities of `STEPS` at least; return how many have got another one."""
    steps = {now + left: priority for left, priority in STEPS.items()}
    find = partial(priorities.near_deadlines, steps=steps, since=now - _LATE)
    found = database.run(find, write=False)
    for priority, job_ids in found.items():
        for begin in range(0, len(job_ids), priorities.AT_ONCE):
            some = job_ids[begin : begin + priorities.AT_ONCE]
            change = partial(priorities.set_user_priority, job_ids=some, user_priority=priority)
            database.run(change)
    return sum(map(len, found.values()))
