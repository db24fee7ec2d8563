"""Processor time and memory of a process and all its descendants, those that have ended included.

A process that has ended is in the times of the one that has waited for it ("children" in /proc/PID/stat). The
root of the tree adopts orphans (PR_SET_CHILD_SUBREAPER) and waits for them, so that a process whose parent is
gone, as in batch systems, is counted too.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_SET_CHILD_SUBREAPER = 36
# Seconds that processes which remain have to end by themselves.
GRACE = 5.0


@dataclass(frozen=True)
class Process:
    """A process: its id, its parent, its processor seconds, and those of the children it has waited for."""

    pid: int
    parent: int
    own: float
    children: float


def parse(stat: str) -> Process:
    """Return what a line of /proc/PID/stat says. The name, in brackets, may hold blanks and brackets."""
    pid, rest = stat.split(" ", 1)[0], stat.rpartition(")")[2].split()
    times = [int(field) / _TICKS for field in rest[11:15]]
    return Process(int(pid), int(rest[1]), times[0] + times[1], times[2] + times[3])


def descendants(processes: Iterable[Process], root: int) -> list[Process]:
    """Return the root and all processes below it."""
    below: dict[int, list[Process]] = {}
    found = []
    for process in processes:
        below.setdefault(process.parent, []).append(process)
        if process.pid == root:
            found.append(process)
    for process in found:
        found += below.get(process.pid, [])
    return found


def processes() -> Iterator[Process]:
    """Yield all processes of the machine."""
    for entry in _PROC.glob("[0-9]*/stat"):
        # It may end while it is read.
        with suppress(OSError, ValueError, IndexError):
            yield parse(entry.read_text())


def seconds(root: int, client: int) -> float:
    """Return the processor seconds of a tree so far, without those of the process ``client`` itself."""
    return sum(
        process.children + (0.0 if process.pid == client else process.own)
        for process in descendants(processes(), root)
    )


def memory(root: int, without: Iterable[int]) -> int:
    """Return the proportional memory (Pss, bytes) of the processes of a tree; shared memory counts once."""
    left_out = set(without)
    return sum(
        proportional(process.pid) for process in descendants(processes(), root) if process.pid not in left_out
    )


def proportional(pid: int) -> int:
    """Return the proportional memory (bytes) of one process, 0 when it has ended."""
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def run_as_root_of_tree(command: Sequence[str]) -> int:
    """Run a command below this process, which adopts its orphans; return its exit code after all."""
    ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = subprocess.Popen(command)  # noqa: S603 - of this benchmark
    code = 1
    while True:
        with suppress(KeyboardInterrupt):
            pid, status = os.wait()
            if pid == child.pid:
                code = child.returncode = os.waitstatus_to_exitcode(status)
                break
    end_remaining()
    return code


def end_remaining() -> None:
    """Wait for the children that are left, and kill those that do not end, and their orphans."""
    deadline = time.monotonic() + GRACE
    while True:
        try:
            pid, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid and time.monotonic() > deadline:
            for process in descendants(processes(), os.getpid())[1:]:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        if not pid:
            time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(run_as_root_of_tree(sys.argv[1:]))
