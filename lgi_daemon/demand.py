"""What jobs ask for in their specifics: <cpus> (of each node), <nodes> and <memory> (MB in all)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NUMBER = re.compile(r"\s*([1-9][0-9]{0,8})\s*")


@dataclass(frozen=True)
class Demand:
    """Of a job, or of several together: cores, and memory in MB."""

    cpus: int = 0
    memory: int = 0


NOTHING, ONE_CORE = Demand(), Demand(cpus=1)


def of(specifics: str) -> Demand:
    """What a job asks for: one core and no memory when it does not say, or not with a number.

    As the scripts of `command` read it, so that no job is counted as less than it gets.
    """
    cpus, nodes = _wish(specifics, "cpus") or 1, _wish(specifics, "nodes") or 1
    return Demand(cpus * nodes, _wish(specifics, "memory"))


def of_all(specifics: Iterable[str]) -> Demand:
    """What several jobs ask for together."""
    each = [of(one) for one in specifics]
    return Demand(sum(one.cpus for one in each), sum(one.memory for one in each))


def _wish(specifics: str, tag: str) -> int:
    """The last tag of that name, however deep, counts."""
    found = re.findall(f"<{tag}>([^<>]*)</{tag}>", specifics)
    number = _NUMBER.fullmatch(found[-1]) if found else None
    return int(number[1]) if number else 0
