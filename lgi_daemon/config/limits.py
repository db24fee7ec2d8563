"""Whose jobs, and how many: owner_allow, owner_deny and the limits of resource, project and application.

job_limit is a number of jobs; cpu_limit and memory_limit bound what all jobs of a level ask for together.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lgi_daemon.config.demand import NOTHING, ONE_CORE, Demand
from lgi_protocol import comma_lists

# Project servers refuse an owners field of 255 bytes (error 71), and then give no work at all.
OWNERS_BYTES = 254


@dataclass(frozen=True)
class LimitRules:
    """The limits of one level. ``owner_allow`` is jobs per owner, the word ``any`` for owners not named.

    ``cpu_limit`` is in cores, ``memory_limit`` in MB, 0 for none.
    """

    owner_allow: Mapping[str, int]
    owner_deny: tuple[str, ...]
    job_limit: int
    cpu_limit: int = 0
    memory_limit: int = 0

    def limit_of(self, owner: str) -> int | None:
        """How many jobs an owner may have at this level; None when the level says nothing of it."""
        return self.owner_allow.get(owner, self.owner_allow.get(comma_lists.ANY))


@dataclass(frozen=True)
class Level:
    """The rules of one level, the owners of each job that is there now, and what those have asked for."""

    name: str
    rules: LimitRules
    jobs: tuple[tuple[str, ...], ...]
    used: Demand = NOTHING
    counts: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        """A job counts once for each of its owners."""
        counts = Counter(owner for owners in self.jobs for owner in set(owners))
        object.__setattr__(self, "counts", counts)

    @property
    def full(self) -> bool:
        """Whether no job at all may be added."""
        return len(self.jobs) >= self.rules.job_limit or bool(self.lacks(ONE_CORE))

    def lacks(self, asked: Demand) -> str:
        """What there is too little of for a job that asks for so much; empty when there is enough."""
        for what, limit, used, more in (
            ("cpu_limit", self.rules.cpu_limit, self.used.cpus, asked.cpus),
            ("memory_limit", self.rules.memory_limit, self.used.memory, asked.memory),
        ):
            if limit and more and used + more > limit:
                return f"{what} of {limit}: {used} in use, {more} asked for"
        return ""

    def reached(self, owner: str) -> bool:
        """Whether an owner has a limit here and as many jobs already."""
        limit = self.rules.limit_of(owner)
        return limit is not None and self.counts[owner] >= limit

    def denies(self, owner: str) -> bool:
        """Whether the level's owner_deny names an owner, or everybody."""
        return comma_lists.contains_any(self.rules.owner_deny, [owner])


def refusal(levels: Iterable[Level], owners: Iterable[str], asked: Demand = ONE_CORE) -> str:
    """Why a job of these owners may not be taken, naming level and value; empty when it may.

    ``asked`` is what it asks for. An owner without own entry falls under ``any``; a job none of whose owners
    has an entry is refused.
    """
    levels, owners = tuple(levels), comma_lists.unique(owners)
    for level in levels:
        if len(level.jobs) >= level.rules.job_limit:
            return f"{level.name} has its job_limit of {level.rules.job_limit} jobs"
        if lacking := level.lacks(asked):
            return f"{level.name} has a {lacking}"
        for owner in owners:
            if level.denies(owner):
                return f"owner_deny of {level.name} refuses {owner}"
            if level.reached(owner):
                return f"{owner} has the {level.rules.limit_of(owner)} jobs that {level.name} allows"
    if not any(level.rules.limit_of(owner) is not None for level in levels for owner in owners):
        return f"no owner_allow names any of {comma_lists.join(owners) or 'no owners'}"
    return ""


def full_level(levels: Iterable[Level]) -> str:
    """The first level that can take no job of anybody, empty when there is room."""
    return next((level.name for level in levels if level.full or level.denies(comma_lists.ANY)), "")


def owners_wanted(levels: Iterable[Level]) -> str:
    """The ``owners`` filter for request_work, never over 254 bytes.

    It only saves offers that would be refused: when it does not fit, entries go whose absence brings more
    offers, never fewer. The wanted names are therefore all in or all out.
    """
    levels = tuple(levels)
    named = {name for level in levels for name in level.rules.owner_allow if name != comma_lists.ANY}
    active = {owner for level in levels for owner in level.counts}
    shut = {name for name in named | active if any(one.reached(name) or one.denies(name) for one in levels)}
    shut |= {name for level in levels for name in level.rules.owner_deny if name != comma_lists.ANY}
    open_to_any = any(level.rules.owner_allow.get(comma_lists.ANY) for level in levels)
    wanted = [] if open_to_any else sorted(named - shut)
    if _size(wanted) > OWNERS_BYTES:
        wanted = []
    for name in sorted(shut):
        if _size([*wanted, f"!{name}"]) <= OWNERS_BYTES:
            wanted.append(f"!{name}")
    return comma_lists.join(wanted)


def _size(names: list[str]) -> int:
    return len(comma_lists.join(names).encode())
