"""Latencies of calls as histograms, whose size does not depend on the length of a test."""

import math
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Each bucket is two percent wider than the one before: latencies are exact to one percent.
_STEP = math.log(1.02)
_SHORTEST = 1e-5
# All calls are also counted by periods of the test, in seconds.
SLOT_SECONDS = 10.0


@dataclass
class Lengths:
    """A histogram of lengths in seconds, with their sum and the longest."""

    counts: Counter[int] = field(default_factory=Counter)
    total: float = 0.0
    longest: float = 0.0

    def add(self, seconds: float) -> None:
        """Count a length."""
        self.counts[round(math.log(max(seconds, _SHORTEST)) / _STEP)] += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)

    def merge(self, other: "Lengths") -> None:
        """Add another histogram."""
        self.counts.update(other.counts)
        self.total += other.total
        self.longest = max(self.longest, other.longest)

    @property
    def number(self) -> int:
        """The number of lengths."""
        return self.counts.total()

    def quantile(self, share: float) -> float:
        """Return a quantile of the lengths; 0 without lengths."""
        left = share * self.number
        for bucket in sorted(self.counts):
            left -= self.counts[bucket]
            if left <= 0:
                return min(math.exp(bucket * _STEP), self.longest)
        return self.longest

    def as_json(self) -> dict[str, Any]:
        """For `read_lengths`."""
        return {"counts": dict(self.counts), "total": self.total, "longest": self.longest}


def read_lengths(values: Mapping[str, Any]) -> Lengths:
    """Read the result of `Lengths.as_json`."""
    counts = Counter({int(bucket): number for bucket, number in values["counts"].items()})
    return Lengths(counts, values["total"], values["longest"])


class Latencies:
    """The latencies of calls, by name and by the time of the call; thread-safe."""

    def __init__(self) -> None:
        """Start without calls."""
        self.calls: dict[str, Lengths] = {}
        self.slots: dict[int, Lengths] = {}
        self.apart: dict[str, Lengths] = {}
        self.errors: Counter[str] = Counter()
        # The delays of daemons: how much later than due their turns began.
        self.late = Lengths()
        self._guard = threading.Lock()

    def note(self, call: str, at: float, seconds: float, error: str = "") -> None:
        """Count a call made ``at`` seconds after the start, and its error number if it had one."""
        with self._guard:
            self.calls.setdefault(call, Lengths()).add(seconds)
            self.slots.setdefault(int(at // SLOT_SECONDS), Lengths()).add(seconds)
            if error:
                self.errors[f"{call}: {error}"] += 1

    def note_apart(self, name: str, seconds: float, error: str = "") -> None:
        """Count what is no call, as a new connection, and its error: it is not in the sum of all calls."""
        with self._guard:
            self.apart.setdefault(name, Lengths()).add(seconds)
            if error:
                self.errors[f"{name}: {error}"] += 1

    def note_late(self, seconds: float) -> None:
        """Count a turn that began ``seconds`` too late."""
        with self._guard:
            self.late.add(seconds)

    @property
    def everything(self) -> Lengths:
        """The latencies of all calls."""
        found = Lengths()
        for lengths in self.calls.values():
            found.merge(lengths)
        return found

    def as_json(self) -> dict[str, Any]:
        """For `merged`."""
        return {
            "calls": {name: lengths.as_json() for name, lengths in self.calls.items()},
            "apart": {name: lengths.as_json() for name, lengths in self.apart.items()},
            "slots": {slot: lengths.as_json() for slot, lengths in self.slots.items()},
            "errors": dict(self.errors),
            "late": self.late.as_json(),
        }


def merged(parts: Iterable[Mapping[str, Any]]) -> Latencies:
    """Return the sum of the results of several processes."""
    found = Latencies()
    for part in parts:
        for name, lengths in part["calls"].items():
            found.calls.setdefault(name, Lengths()).merge(read_lengths(lengths))
        for name, lengths in part["apart"].items():
            found.apart.setdefault(name, Lengths()).merge(read_lengths(lengths))
        for slot, lengths in part["slots"].items():
            found.slots.setdefault(int(slot), Lengths()).merge(read_lengths(lengths))
        found.errors.update(part["errors"])
        found.late.merge(read_lengths(part["late"]))
    return found
