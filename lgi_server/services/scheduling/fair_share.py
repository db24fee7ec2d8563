"""Whose job comes next: docs/fair_share.md. Pure functions of what waits and what was used lately.

A site puts a function of its own in the place of `order`: `share_order` in the configuration names its file.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# Nobody has ended a job yet: they are taken to last so long, in seconds; and never to last less than this.
USUAL, LEAST = 3600.0, 60.0


@dataclass(frozen=True)
class QueuedJob:
    """A queued job. The first of its owners is its user, the others are groups."""

    job_id: int
    application: str
    owners: tuple[str, ...]
    target_resources: tuple[str, ...]
    # What it wants of them, as "abaqus=1 matlab=2".
    licences: str = ""


@dataclass(frozen=True)
class Usage:
    """What was used lately, in seconds that count less the older they are, by "user NAME" and "group NAME".

    Jobs that run are in it. ``typical`` is how long a job lasts. Weights are where an administrator has given
    one.
    """

    seconds: Mapping[str, float]
    weights: Mapping[str, float]
    typical: float = USUAL

    def load(self, account: str) -> float:
        """Return how much of its share an account has used: in jobs of typical length, whole ones."""
        return self.seconds.get(account, 0.0) // self.typical * self.step(account)

    def step(self, account: str) -> float:
        """Return what one job more of typical length adds to a load."""
        return 1.0 / self.weights.get(account, 1.0)


def order(jobs: Sequence[QueuedJob], usage: Usage) -> list[int]:
    """Return the numbers of jobs of one application in the order they are to start.

    They are given in the order they have: those placed before, then the others as they were submitted.

    The job of the account with the least load is next. Each job of an account that is placed adds to its
    load, for jobs with the same targets and licences: those wait for the same.
    """
    queues: dict[tuple[str, tuple[str, ...], str], list[QueuedJob]] = defaultdict(list)
    for job in jobs:
        queues[account(job, usage), job.target_resources, job.licences].append(job)
    tags: dict[int, float] = {}
    for (name, _, _), queue in queues.items():
        for place, job_id in enumerate(_among_users(queue, usage)):
            tags[job_id] = usage.load(name) + place * usage.step(name)
    # Of equals the first submitted comes first: sorting keeps their order.
    return sorted((job.job_id for job in jobs), key=tags.__getitem__)


def account(job: QueuedJob, usage: Usage) -> str:
    """Return who a job is for: the first of its groups that has a weight, or else its user."""
    for group in job.owners[1:]:
        if f"group {group}" in usage.weights:
            return f"group {group}"
    return user(job)


def accounts(owners: Sequence[str]) -> tuple[str, ...]:
    """Return all accounts that a job of these owners counts for."""
    return tuple(f"{'group' if number else 'user'} {owner}" for number, owner in enumerate(owners))


def user(job: QueuedJob) -> str:
    """Return the user of a job."""
    return f"user {job.owners[0] if job.owners else ''}"


def _among_users(jobs: Iterable[QueuedJob], usage: Usage) -> list[int]:
    """Return the jobs of one account: that of the user with the least load is next."""
    placed: dict[str, int] = defaultdict(int)
    tags: dict[int, float] = {}
    for job in jobs:
        name = user(job)
        tags[job.job_id] = usage.load(name) + placed[name] * usage.step(name)
        placed[name] += 1
    return sorted(tags, key=tags.__getitem__)


def decayed_seconds(began: int, end: int, now: int, half_life: int) -> float:
    """Return what the seconds of a run count now.

    Half of each after so many seconds, a quarter after twice that.
    """
    rate = half_life / math.log(2)
    return rate * (decay(now - end, half_life) - decay(now - began, half_life))


def decay(age: int, half_life: int) -> float:
    """Return what is left of one second after so many others."""
    return float(2.0 ** (-max(0, age) / half_life))
