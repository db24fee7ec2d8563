"""The size of this machine: the cores and the memory that the processes started here may use together.

A container, a batch job or a systemd unit is a control group with bounds of its own, which are those of its
parents too; version 1 and 2 of control groups are read.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from lgi_protocol import whole_number
from lgi_protocol.value_object import value_object

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
# Of version 1: the controllers of a group, with the file of each bound.
_MEMORY, _CPU = "memory", "cpu"


@value_object
class MachineSize:
    """Cores, at least one, and memory in bytes."""

    cores: int
    memory: int


def usable(proc: Path = PROC, cgroups: Path = CGROUPS) -> MachineSize:
    """Return the cores and the memory that this process and others beside it may use."""
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "the size of a machine is known on Linux only")
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = [len(os.sched_getaffinity(0)), *map(_quota, groups(_CPU, proc, cgroups))]
    memory = [total, *(memory_bound(group) for group in groups(_MEMORY, proc, cgroups))]
    return MachineSize(
        max(1, min(number for number in cores if number is not None)),
        min(number for number in memory if number is not None),
    )


def groups(controller: str, proc: Path = PROC, cgroups: Path = CGROUPS) -> Iterator[Path]:
    """Yield the directories of the control groups that this process is in, from its own to the root."""
    lines: list[str] = []
    with suppress(OSError):
        lines = (proc / "self" / "cgroup").read_text("utf-8", "replace").splitlines()
    for line in lines:
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0" and not names:
            root = cgroups
        elif controller in names.split(","):
            root = cgroups / names
        else:
            continue
        # In a namespace of its own a process sees parents as "..": they are out of its reach.
        parts = [part for part in PurePosixPath(path.lstrip("/")).parts if part != ".."]
        for count in range(len(parts), -1, -1):
            yield root.joinpath(*parts[:count])


def memory_bound(group: Path) -> int | None:
    """Return the bound on the memory of a control group in bytes, None if it has none."""
    for name in ("memory.max", "memory.limit_in_bytes"):
        numbers = _numbers(group / name)
        if numbers and numbers[0] is not None:
            return numbers[0]
    return None


def _quota(group: Path) -> int | None:
    """Return how many whole cores a control group may keep busy, None if it has no quota."""
    quota = _numbers(group / "cpu.max") or [
        *_numbers(group / "cpu.cfs_quota_us"),
        *_numbers(group / "cpu.cfs_period_us"),
    ]
    if len(quota) < 2 or quota[0] is None or not quota[1]:
        return None
    return max(1, quota[0] // quota[1])


def _numbers(file: Path) -> list[int | None]:
    """Return the words of a file as numbers, None for each that is none, as ``max`` and ``-1``."""
    try:
        return [whole_number.read(word) for word in file.read_text("ascii", "replace").split()]
    except OSError:
        return []
