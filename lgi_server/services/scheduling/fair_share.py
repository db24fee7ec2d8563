"""Fair share (docs/fair_share.md): pure functions of the queued jobs and recent usage.

A site may replace `order` by its own function: the setting `share_order` names the file.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# Seconds: the typical length of a job while none has ended, and the least that is assumed ever.
USUAL, LEAST = 3600.0, 60.0


@dataclass(frozen=True)
class QueuedJob:
    """A queued job. The first of its owners is its user, the others are groups."""

    job_id: int
    application: str
    owners: tuple[str, ...]
    target_resources: tuple[str, ...]
    # The request for licences, as "abaqus=1 matlab=2".
    licences: str = ""
    # What the user has given it among the own jobs: -100 to 100.
    priority: int = 0


@dataclass(frozen=True)
class Usage:
    """Recent usage, in seconds that count less the older they are, by "user NAME" and "group NAME".

    It includes running jobs. ``typical`` is the mean length of a job in seconds. ``weights`` has the accounts
    with a weight; all others have 1.
    """

    seconds: Mapping[str, float]
    weights: Mapping[str, float]
    typical: float = USUAL

    def load(self, account: str) -> float:
        """Return how much of its share an account has used, in whole jobs of typical length."""
        return self.seconds.get(account, 0.0) // self.typical * self.step(account)

    def step(self, account: str) -> float:
        """Return what one more job of typical length adds to the load of an account."""
        return 1.0 / self.weights.get(account, 1.0)


def order(jobs: Sequence[QueuedJob], usage: Usage) -> list[int]:
    """Return the job_id of each of the jobs of one application, in the order in which they should start.

    ``jobs`` has them in their present order: those ordered before, then the others by submit time. The job of
    the account with the least load is next. Each job placed adds to the load of its account, among jobs with
    the same targets and licences, which compete for the same resources.
    """
    queues: dict[tuple[str, tuple[str, ...], str], list[QueuedJob]] = defaultdict(list)
    for job in jobs:
        queues[account(job, usage), job.target_resources, job.licences].append(job)
    tags: dict[int, float] = {}
    for (name, _, _), queue in queues.items():
        for place, job_id in enumerate(_among_users(queue, usage)):
            tags[job_id] = usage.load(name) + place * usage.step(name)
    # Sorting keeps the order of equals: the job submitted first comes first.
    return sorted((job.job_id for job in jobs), key=tags.__getitem__)


def account(job: QueuedJob, usage: Usage) -> str:
    """Return the account of a job: its first group with a weight, or else its user."""
    for group in job.owners[1:]:
        if f"group {group}" in usage.weights:
            return f"group {group}"
    return user(job)


def accounts(owners: Sequence[str]) -> tuple[str, ...]:
    """Return all accounts that a job with these owners counts for."""
    return tuple(f"{'group' if number else 'user'} {owner}" for number, owner in enumerate(owners))


def user(job: QueuedJob) -> str:
    """Return the account of a job's user."""
    return f"user {job.owners[0] if job.owners else ''}"


def _among_users(jobs: Iterable[QueuedJob], usage: Usage) -> list[int]:
    """Return the jobs of one account in order: the job of the user with the least load is next."""
    placed: dict[str, int] = defaultdict(int)
    tags: dict[int, float] = {}
    for job in jobs:
        name = user(job)
        tags[job.job_id] = usage.load(name) + placed[name] * usage.step(name)
        placed[name] += 1
    return sorted(tags, key=tags.__getitem__)


def decayed_seconds(began: int, end: int, now: int, half_life: int) -> float:
    """Return what the seconds of a run are worth now: a half after ``half_life`` seconds, and so on."""
    rate = half_life / math.log(2)
    return rate * (decay(now - end, half_life) - decay(now - began, half_life))


def decay(age: int, half_life: int) -> float:
    """Return what a second of this age, in seconds, is worth."""
    return float(2.0 ** (-max(0, age) / half_life))
