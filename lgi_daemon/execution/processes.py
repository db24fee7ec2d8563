"""Processes told apart from later ones that got the same number, so that no stranger is ever killed."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_DEATH_SECONDS = 2.0


@dataclass(frozen=True)
class ProcessId:
    """A process: its number, its start (clock ticks since boot) and the boot it belongs to."""

    pid: int
    started: int
    boot: str


@cache
def boot_id() -> str:
    """A text that is different after every boot."""
    return (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()


def identify(pid: int) -> ProcessId:
    """The identity of a process that exists; ProcessLookupError when there is none."""
    stat = stat_of(pid)
    if stat is None:
        raise ProcessLookupError(f"there is no process {pid}")
    return ProcessId(pid, start_of(stat), boot_id())


def alive(identity: ProcessId) -> bool:
    """Whether this very process still runs; one that ended and was not yet waited for does not."""
    stat = stat_of(identity.pid)
    if stat is None or identity.boot != boot_id():
        return False
    return start_of(stat) == identity.started and stat[0] not in ("Z", "X")


def kill_session(leader: ProcessId, mark: str) -> int:
    """SIGKILL what is left of the session a process leads or led, and wait a moment until it is gone.

    Returns how many processes that were. Once the leader has ended its number may belong to a stranger, so
    the others must also carry ``mark``, a ``NAME=value`` of their environment.
    """
    if leader.boot != boot_id():
        return 0
    is_ours = alive(leader)
    victims = [pid for pid in _session(leader.pid) if is_ours or _carries(pid, mark)]
    killed = sum(_kill(pid) for pid in victims)
    patience = time.monotonic() + _DEATH_SECONDS
    while killed and any(_session(leader.pid)) and time.monotonic() < patience:
        time.sleep(0.01)
    return killed


def users() -> set[int]:
    """The uids that processes run under now, real, effective and saved ones."""
    return {uid for name in os.listdir(_PROC) if name.isdigit() for uid in _uids(name)}


def _uids(pid: str) -> set[int]:
    """None when it has ended. Not the owner of its /proc directory, which is the effective one alone."""
    try:
        with open(f"/proc/{pid}/status", "rb", buffering=0) as opened:
            data = opened.read()
    except OSError:
        return set()
    # The name, which stands in front, has its line ends written as two characters.
    state, uid = data.partition(b"\nState:\t")[2][:1], data.partition(b"\nUid:\t")[2]
    return set() if state in b"ZX" else {int(one) for one in uid.partition(b"\n")[0].split()}


def stat_of(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state (field 3) on; the name before may hold anything."""
    try:
        # Read for every job every second: Path and decoding text would take three times as long.
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as opened:
            data = opened.read()
    except OSError:
        return None
    return data.rpartition(b")")[2].decode("ascii").split()


def start_of(stat: list[str]) -> int:
    return int(stat[19])  # field 22


def _session(leader: int) -> Iterator[int]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            stat = stat_of(int(entry.name))
            if stat is not None and int(stat[3]) == leader and stat[0] not in ("Z", "X"):
                yield int(entry.name)


def _carries(pid: int, mark: str) -> bool:
    try:
        return mark.encode() in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True
