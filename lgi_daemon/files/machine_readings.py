"""Reads from the kernel what it says of this machine: operating system, start, load and free memory."""

import os
import time
from contextlib import suppress
from pathlib import Path

from lgi_protocol import machine_size, machine_state, whole_number
from lgi_protocol.machine_size import CGROUPS, PROC

_RELEASE = Path("/etc/os-release")
_KILOBYTE = 1024


def system(release: Path = _RELEASE) -> str:
    """Return the operating system and the kernel: ``Debian GNU/Linux 12 (bookworm), Linux 6.1.0 x86_64``."""
    name = ""
    with suppress(OSError):
        lines = release.read_text("utf-8", "replace").splitlines()
        names = [line.partition("=")[2] for line in lines if line.startswith("PRETTY_NAME=")]
        name = names[-1].strip("\"' ") if names else ""
    kernel = os.uname()
    texts = filter(None, (name, f"{kernel.sysname} {kernel.release} {kernel.machine}"))
    return machine_state.printable(", ".join(texts))


def booted_at(proc: Path = PROC) -> int | None:
    """Return when the machine was started, in Unix seconds; None if that is not known."""
    with suppress(OSError, ValueError):
        return round(time.time() - float((proc / "uptime").read_text("ascii").split()[0]))
    return None


def load() -> float | None:
    """Return the average number of processes of the last minute that run or want to; None if not known."""
    with suppress(OSError):
        return os.getloadavg()[0]
    return None


def free_memory(proc: Path = PROC, cgroups: Path = CGROUPS) -> int | None:
    """Return the bytes of memory that further processes may use, with all bounds; None if not known."""
    available = _value(proc / "meminfo", "MemAvailable:")
    if available is None:
        return None
    free = [available * _KILOBYTE]
    for group in machine_size.groups("memory", proc, cgroups):
        bound, used = machine_size.memory_bound(group), _used(group)
        if bound is not None and used is not None:
            free.append(max(0, bound - used))
    return min(free)


def _used(group: Path) -> int | None:
    """Return the memory that a control group uses, without the files that the kernel may drop."""
    for name in ("memory.current", "memory.usage_in_bytes"):
        with suppress(OSError):
            used = whole_number.read((group / name).read_text("ascii").strip())
            files = _value(group / "memory.stat", "inactive_file") or 0
            return None if used is None else max(0, used - files)
    return None


def _value(file: Path, name: str) -> int | None:
    with suppress(OSError):
        for line in file.read_text("ascii", "replace").splitlines():
            words = line.split()
            if len(words) > 1 and words[0] == name:
                return whole_number.read(words[1])
    return None
