"""The order of the queue: a rule orders the jobs of each application, and they get priorities in this order.

Only the first jobs of each user and target are ordered. The others follow them, first in, first out, until
they are among the first.
"""

import logging
import runpy
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import licences
from lgi_server.services.scheduling import accounting, deadlines, fair_share, own_order, renumbering
from lgi_server.services.scheduling.fair_share import LEAST, USUAL, QueuedJob, Usage
from lgi_server.tables import job_usage, shares
from lgi_server.tables.job_queue import priorities
from lgi_server.tables.job_queue.priorities import Queue, Queued
from lgi_server.tables.job_usage import JobRun
from lgi_server.tables.shares import DecayedUsage

log = logging.getLogger("lgi.scheduler")
Rule = Callable[[Sequence[QueuedJob], Usage], Sequence[int]]
# MOST: jobs of an application that are ordered, roughly. AT_ONCE: priorities changed in one transaction: a
# request for work skips these jobs meanwhile.
MOST, AT_ONCE = 500, 50


def load(path: Path | None) -> Rule:
    """Return the function ``order`` of the site's file, or `fair_share.order` without a file.

    Raises ValueError or OSError when the file cannot be used.
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
    """Account for finished runs, then order the queued jobs; return how many priorities have changed."""
    accounting.account(database, half_life)
    deadlines.raise_priorities(database, now)
    by_application: dict[str, list[Queue]] = defaultdict(list)
    for queue in database.run(priorities.queues, write=False):
        by_application[queue.application].append(queue)
    licensed = [
        name for name, queues in by_application.items() if any(queue.licences_length for queue in queues)
    ]
    if licensed:
        database.run(partial(licences.store_missing_requests, applications=licensed))
    usage: Usage | None = None
    changed = 0
    for queues in by_application.values():
        is_alone = rule is fair_share.order and len({queue.user for queue in queues}) == 1
        if is_alone and len({queue.user_priority for queue in queues}) == 1:
            # The jobs of one user with one priority are first in, first out already.
            continue
        usage = usage or read_usage(database, half_life, now)
        changed += _order(database, _as_given if is_alone else rule, queues, usage)
    return changed


def _order(database: Database, rule: Rule, queues: Sequence[Queue], usage: Usage) -> int:
    each, limits = own_order.limits(queues, MOST)
    heads = database.run(partial(priorities.heads, limits=limits), write=False)
    chosen, behind = own_order.preferred(heads, each, limits)
    found = own_order.by_own_priority(sorted(chosen, key=lambda job: (job.priority, job.job_id)))
    order = _all_of(rule(tuple(map(_waiting, found)), usage), [job.job_id for job in found])
    changed = renumbering.renumber_priorities(order, {job.job_id: job.priority for job in found})
    displaced = _displaced(database, behind, set(order))
    numbers = sorted((changed | displaced).items())
    for begin in range(0, len(numbers), AT_ONCE):
        some = dict(numbers[begin : begin + AT_ONCE])
        database.run(partial(priorities.set_priorities, priorities=some))
    return len(numbers)


def _as_given(jobs: Sequence[QueuedJob], _usage: Usage) -> Sequence[int]:
    """Keep the order that a user who is alone wants."""
    return [job.job_id for job in jobs]


def _displaced(database: Database, behind: Sequence[Queue], ordered: Collection[int]) -> dict[int, int]:
    """Return the priorities of jobs that lose their places to others of their user: those of new jobs."""
    if not behind:
        return {}
    found = database.run(partial(priorities.placed, limits=dict.fromkeys(behind, MOST)), write=False)
    return {job.job_id: job.submitted for jobs in found.values() for job in jobs if job.job_id not in ordered}


def _waiting(job: Queued) -> QueuedJob:
    return QueuedJob(
        job.job_id, job.application, job.owners, job.target_resources, job.licences, job.user_priority
    )


def _all_of(ordered: Iterable[int], existing: Sequence[int]) -> list[int]:
    """Return the existing jobs in the order of a rule; those that the rule left out come last."""
    known = set(existing)
    return list(dict.fromkeys([*(job_id for job_id in ordered if job_id in known), *existing]))


def read_usage(database: Database, half_life: int, now: int) -> Usage:
    """Return the recent usage, with running jobs: each counts as a job of typical length at least.

    The result is read-only, since the same one is passed to the site's function for each application.
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
