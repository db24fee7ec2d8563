"""Processor time by process, from /proc; it varies less than rates. All zero on systems without /proc."""

import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


@dataclass(frozen=True)
class Used:
    """Processor seconds so far of the server's processes, its database and the machine; and the time."""

    server: float
    database: float
    machine: float
    time: float

    def since(self, before: "Used") -> "Used":
        """Return the usage between two measurements."""
        return Used(
            self.server - before.server,
            self.database - before.database,
            self.machine - before.machine,
            self.time - before.time,
        )


def used(session: int, database: int) -> Used:
    """Return the usage so far of a session, of a process (0: none) and of all processes."""
    looks = [_look(stat) for stat in _PROC.glob("[0-9]*/stat")]
    return Used(
        server=sum(seconds for _, leader, seconds in looks if leader == session),
        database=sum(seconds for process, _, seconds in looks if process == database),
        machine=_machine(),
        time=time.monotonic(),
    )


def members(session: int) -> list[int]:
    """Return the processes of a session."""
    looks = [_look(stat) for stat in _PROC.glob("[0-9]*/stat")]
    return [process for process, leader, _ in looks if leader == session and process]


def name(process: int) -> str:
    """Return the name of a process in lists; empty once it has ended."""
    try:
        return (_PROC / str(process) / "comm").read_text().strip()
    except OSError:
        return ""


def of_parent(process: int) -> tuple[float, float]:
    """Return the processor seconds so far of a daemon with its fork server, and of what they waited for."""
    looks = [_fields(stat) for stat in _PROC.glob("[0-9]*/stat")]
    ours = [fields for number, fields in looks if process in (number, int(fields[1]))]
    own, children = ([sum(map(int, fields[at : at + 2])) for fields in ours] for at in (11, 13))
    return sum(own) / _TICKS, sum(children) / _TICKS


def _fields(stat: Path) -> tuple[int, list[str]]:
    """Return the number of a process and the fields after its name; zeros once it has ended."""
    try:
        return int(stat.parent.name), stat.read_text().rpartition(")")[2].split()
    except OSError:
        return 0, ["0"] * 15


def highest(session: int) -> int:
    """Return the peak memory (VmHWM, bytes) of a session's processes without its leader."""
    marks = []
    for stat in _PROC.glob("[0-9]*/stat"):
        process, leader, _ = _look(stat)
        if leader == session != process:
            marks.append(_high_water(stat.parent / "status"))
    return max(marks, default=0)


@dataclass(frozen=True)
class Share:
    """Processor seconds that some processes have used so far, and the memory (bytes) they have now."""

    seconds: float = 0.0
    memory: int = 0


def share(leaders: Collection[int], processes: Collection[int] = ()) -> Share:
    """Return the memory of sessions and single processes; shared memory counts once."""
    found = [(stat, *_look(stat)) for stat in _PROC.glob("[0-9]*/stat")]
    ours = [
        (stat.parent, seconds)
        for stat, process, leader, seconds in found
        if process and (leader in leaders or process in processes)
    ]
    return Share(sum(seconds for _, seconds in ours), sum(_memory(process) for process, _ in ours))


def _memory(process: Path) -> int:
    """Return the proportional memory (Pss, bytes) of a process."""
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def machine() -> float:
    """Return the processor seconds of the whole machine so far."""
    return _machine()


def _high_water(status: Path) -> int:
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def _look(stat: Path) -> tuple[int, int, float]:
    """Return the id of a process, its session and its processor seconds."""
    try:
        # The name, in brackets, may hold spaces; what follows it does not.
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return 0, 0, 0.0
    return int(stat.parent.name), int(fields[3]), (int(fields[11]) + int(fields[12])) / _TICKS


def _machine() -> float:
    """Return the processor time of the machine without idle and waiting time, with stolen time."""
    try:
        words = (_PROC / "stat").read_text().split(maxsplit=9)[1:9]
    except OSError:
        return 0.0
    times = [int(word) for word in words]
    return (sum(times) - times[3] - times[4]) / _TICKS
