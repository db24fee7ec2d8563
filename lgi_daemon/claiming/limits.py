"""The limits of resource, project and application, compared with the jobs that are already here.

owner_allow, owner_deny and job_limit say whose jobs, and how many; cpu_limit and memory_limit bound the sum
of what all jobs of a level request.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from lgi_daemon.config.rules import LimitRules
from lgi_protocol import comma_lists
from lgi_protocol.demand import NO_DEMAND, ONE_CORE, Demand

# Project servers refuse a field owners of 255 bytes (error 71) and then offer no work at all.
OWNERS_BYTES = 254


@dataclass(frozen=True)
class Level:
    """One level: its rules, the owners of each of its jobs, and the sum of what these jobs request."""

    name: str
    rules: LimitRules
    jobs: tuple[tuple[str, ...], ...]
    used: Demand = NO_DEMAND
    counts: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        """Count each job once for each of its owners."""
        counts = Counter(owner for owners in self.jobs for owner in set(owners))
        object.__setattr__(self, "counts", counts)

    @property
    def full(self) -> bool:
        """Whether no further job can be added, however small."""
        return len(self.jobs) >= self.rules.job_limit or bool(self.shortage(ONE_CORE))

    def shortage(self, demand: Demand) -> str:
        """Return which limit a job with this demand would exceed, with the numbers; empty when none."""
        for what, limit, used, more in (
            ("cpu_limit", self.rules.cpu_limit, self.used.cpus, demand.cpus),
            ("memory_limit", self.rules.memory_limit, self.used.memory, demand.memory),
        ):
            if limit and more and used + more > limit:
                return f"{what} of {limit}: {used} in use, {more} requested"
        return ""

    def at_limit(self, owner: str) -> bool:
        """Return whether an owner has a limit here and has as many jobs already."""
        limit = self.rules.limit_of(owner)
        return limit is not None and self.counts[owner] >= limit

    @property
    def accepts_nobody(self) -> bool:
        """Whether ``any`` may have no job here, and no owner with an entry may have one more."""
        allowed = self.rules.owner_allow
        return allowed.get(comma_lists.ANY) == 0 and all(map(self.at_limit, allowed))

    def denies(self, owner: str) -> bool:
        """Return whether owner_deny of this level names an owner, or everybody."""
        return comma_lists.contains_any(self.rules.owner_deny, [owner])


def rejection_reason(levels: Iterable[Level], owners: Iterable[str], demand: Demand = ONE_CORE) -> str:
    """Return why a job of these owners may not be taken, with level and value; empty when it may.

    ``demand`` is what the job requests. An owner without an entry falls under ``any``; a job none of whose
    owners has an entry is rejected.
    """
    levels, owners = tuple(levels), comma_lists.unique(owners)
    for level in levels:
        if len(level.jobs) >= level.rules.job_limit:
            return f"{level.name} has reached its job_limit of {level.rules.job_limit} jobs"
        if shortage := level.shortage(demand):
            return f"{level.name} has a {shortage}"
        for owner in owners:
            if level.denies(owner):
                return f"owner_deny of {level.name} names {owner}"
            if level.at_limit(owner):
                return f"{owner} has the {level.rules.limit_of(owner)} jobs that {level.name} allows"
    if not any(level.rules.limit_of(owner) is not None for level in levels for owner in owners):
        return f"no owner_allow names any of {comma_lists.join(owners) or 'no owners'}"
    return ""


def full_level(levels: Iterable[Level]) -> str:
    """Return the name of the first level that accepts no job of anybody, empty when all accept jobs."""
    closed = (one for one in levels if one.full or one.denies(comma_lists.ANY) or one.accepts_nobody)
    return next((level.name for level in closed), "")


def accepts_nobody(levels: Iterable[Level]) -> bool:
    """Return whether all whom these levels, from the first to the last, name have as many jobs as they may.

    A filter cannot say that: without a name it means everybody who is not excluded.
    """
    levels = tuple(levels)
    return not _is_open_to_any(levels) and not _named(levels) - _closed(levels)


def owners_filter(levels: Iterable[Level]) -> str:
    """Return the field ``owners`` for request_work, at most 254 bytes.

    The filter only avoids offers that would be rejected. When it does not fit, entries are left out whose
    absence brings more offers, never fewer: the allowed names are therefore all included or all left out.
    """
    levels = tuple(levels)
    closed = _closed(levels)
    entries = [] if _is_open_to_any(levels) else sorted(_named(levels) - closed)
    if _size(entries) > OWNERS_BYTES:
        entries = []
    for name in sorted(closed):
        if _size([*entries, f"!{name}"]) <= OWNERS_BYTES:
            entries.append(f"!{name}")
    return comma_lists.join(entries)


def restricted_filter(known: str, owners: Collection[str]) -> str:
    """Return a filter of `owners_filter` restricted to jobs of some owners; empty when there is none.

    There is none where it excludes all of them, and where it would be too long.
    """
    entries = comma_lists.split(known)
    names = {one for one in entries if not one.startswith("!")}
    excluded = [one for one in entries if one.startswith("!")]
    allowed = sorted(one for one in {*owners} & (names or {*owners}) if f"!{one}" not in excluded)
    restricted = [*allowed, *excluded]
    return comma_lists.join(restricted) if allowed and _size(restricted) <= OWNERS_BYTES else ""


def covers(known: str, wanted: str) -> bool:
    """Return whether a filter of `owners_filter` leaves out nobody whom another one asks for."""
    entries, others = set(comma_lists.split(known)), set(comma_lists.split(wanted))
    names, named = ({one for one in some if not one.startswith("!")} for some in (entries, others))
    return entries - names <= others and (not names or (bool(named) and named <= names))


def _named(levels: Sequence[Level]) -> set[str]:
    return {name for level in levels for name in level.rules.owner_allow if name != comma_lists.ANY}


def _closed(levels: Sequence[Level]) -> set[str]:
    """Return those owners who may have no further job at some level."""
    known = _named(levels) | {owner for level in levels for owner in level.counts}
    closed = {name for name in known if any(one.at_limit(name) or one.denies(name) for one in levels)}
    return closed | {name for level in levels for name in level.rules.owner_deny if name != comma_lists.ANY}


def _is_open_to_any(levels: Sequence[Level]) -> bool:
    """Return whether owners without an entry, who fall under ``any`` of each level, may have jobs."""
    numbers = {level.rules.owner_allow.get(comma_lists.ANY) for level in levels}
    return 0 not in numbers and numbers != {None}


def _size(names: list[str]) -> int:
    return len(comma_lists.join(names).encode())
