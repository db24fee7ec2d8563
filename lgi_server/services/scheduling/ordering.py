"""The order of the queue: the rule is asked for each application, and the jobs get priorities in its order.

Only the first jobs of each user and target are looked at and placed; the others follow, first in, first out,
until their turn to be looked at comes.
"""

import logging
import runpy
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import licences
from lgi_server.services.scheduling import accounting, fair_share, renumbering
from lgi_server.services.scheduling.fair_share import LEAST, USUAL, QueuedJob, Usage
from lgi_server.tables import job_usage, shares
from lgi_server.tables.job_queue import priorities
from lgi_server.tables.job_queue.priorities import Queue, Queued
from lgi_server.tables.job_usage import JobRun
from lgi_server.tables.shares import DecayedUsage

log = logging.getLogger("lgi.scheduler")
Rule = Callable[[Sequence[QueuedJob], Usage], Sequence[int]]
# Jobs of an application that are placed, more or less; and those whose numbers change in one transaction:
# a resource that asks meanwhile passes them over.
MOST, AT_ONCE = 500, 50


def load(path: Path | None) -> Rule:
    """Return the site's function ``order`` in a file, or LGI's.

    ValueError or OSError when it cannot be used.
    """
    if path is None:
        return fair_share.order
    try:
        found = runpy.run_path(str(path)).get("order")
    except (SyntaxError, ImportError, NameError) as error:
        raise ValueError(f"share_order = {path}: {error}") from None
    if not callable(found):
        raise ValueError(f"share_order = {path}: there is no function order(jobs, usage) in it")
    rule: Rule = found
    return rule


def order_queue(database: Database, rule: Rule, half_life: int, now: int) -> int:
    """Count what was used, then order what waits; answer how many priorities have changed."""
    accounting.account(database, half_life)
    by_application: dict[str, list[Queue]] = defaultdict(list)
    for queue in database.run(priorities.queues, write=False):
        by_application[queue.application].append(queue)
    licensed = [name for name, queues in by_application.items() if any(queue.wish for queue in queues)]
    if licensed:
        database.run(partial(licences.note_wishes, applications=licensed))
    usage: Usage | None = None
    changed = 0
    for queues in by_application.values():
        if rule is fair_share.order and len({queue.user for queue in queues}) == 1:
            # A user alone is first in, first out, as the jobs are.
            continue
        usage = usage or read_usage(database, half_life, now)
        changed += _order(database, rule, queues, usage)
    return changed


def _order(database: Database, rule: Rule, queues: Sequence[Queue], usage: Usage) -> int:
    find = partial(priorities.heads, some=queues, each=max(2, MOST // len(queues)))
    found = sorted(database.run(find, write=False), key=lambda job: (job.priority, job.job_id))
    wanted = _all_of(rule(tuple(map(_waiting, found)), usage), [job.job_id for job in found])
    numbers = sorted(
        renumbering.renumber_priorities(wanted, {job.job_id: job.priority for job in found}).items()
    )
    for begin in range(0, len(numbers), AT_ONCE):
        some = dict(numbers[begin : begin + AT_ONCE])
        database.run(partial(priorities.set_priorities, priorities=some))
    return len(numbers)


def _waiting(job: Queued) -> QueuedJob:
    return QueuedJob(job.job_id, job.application, job.owners, job.target_resources, job.licences)


def _all_of(said: Iterable[int], there: Sequence[int]) -> list[int]:
    """Return an order of just the jobs there are: those a rule has forgotten come last."""
    known = set(there)
    return list(dict.fromkeys([*(job_id for job_id in said if job_id in known), *there]))


def read_usage(database: Database, half_life: int, now: int) -> Usage:
    """Return what was used lately, with what runs: that counts as a job of typical length at least.

    Nobody can change it: a function of the site is given the same for each application.
    """

    def read(transaction: Transaction) -> tuple[dict[str, DecayedUsage], dict[str, float], list[JobRun]]:
        return (
            shares.lately(transaction),
            shares.weights(transaction),
            job_usage.all_runs(transaction),
        )

    lately, weights, runs = database.run(read, write=False)
    every = lately.pop("", None)
    typical = max(LEAST, every.seconds / every.runs) if every and every.runs else USUAL
    seconds = {
        account: used.seconds * fair_share.decay(now - used.at, half_life) for account, used in lately.items()
    }
    for run in runs:
        for account in fair_share.accounts(run.owners):
            more = max(typical, fair_share.decayed_seconds(run.began, now, now, half_life))
            seconds[account] = seconds.get(account, 0.0) + more
    return Usage(MappingProxyType(seconds), MappingProxyType(weights), typical)
