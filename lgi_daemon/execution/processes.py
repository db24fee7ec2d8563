"""Identifies processes by more than the pid, which is reused, so that no other process is ever killed."""

import os
import re
import select
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_BLOCK = 4096
# Processes of root alone: the inode of their directory, and when they were seen first.
_ROOTS: dict[str, tuple[int, float]] = {}
_ROOTS_SECONDS = 5.0
_PARENT = re.compile(rb"^PPid:\t[012]$", re.MULTILINE)
_DEATH_SECONDS = 2.0
# How often a process is looked at where the kernel does not report its end.
_POLL_SECONDS = 0.02
# A job's oom_score_adj is that much above the daemon's; half of all memory counts as much as 500.
OOM_DISTANCE, MAX_OOM_SCORE = 500, 1000


@dataclass(frozen=True)
class ProcessId:
    """A process: its pid, its start in clock ticks since boot, and the id of that boot."""

    pid: int
    started: int
    boot: str


@cache
def boot_id() -> str:
    """Return an id that is different after each boot."""
    return (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()


def identify(pid: int) -> ProcessId:
    """Return the identity of a running process. Raise ProcessLookupError when there is none of that pid."""
    stat = stat_of(pid)
    if stat is None:
        raise ProcessLookupError(f"there is no process {pid}")
    return ProcessId(pid, start_of(stat), boot_id())


def alive(identity: ProcessId) -> bool:
    """Return whether this very process still runs; a zombie does not."""
    stat = stat_of(identity.pid)
    if stat is None or identity.boot != boot_id():
        return False
    return start_of(stat) == identity.started and stat[0] not in ("Z", "X")


def wait_for_exit(pid: int, seconds: float) -> None:
    """Return when a child of this process has ended, or after some seconds; it is not reaped.

    The kernel reports the end at once, where a loop would ask again and again.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        # A kernel before 5.3, or no descriptor is free.
        time.sleep(min(seconds, _POLL_SECONDS))
        return
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll(1000 * seconds)
    finally:
        os.close(descriptor)


def raise_oom_score(pid: int) -> None:
    """Let the kernel end a process, and all it starts from now on, before this one when memory runs out.

    Only a process with CAP_SYS_RESOURCE could lower it again below that. Do nothing where /proc cannot be
    written, or when the process has ended.
    """
    with suppress(OSError):
        own = int((_PROC / "self/oom_score_adj").read_text("ascii"))
        raised = min(own + OOM_DISTANCE, MAX_OOM_SCORE)
        (_PROC / str(pid) / "oom_score_adj").write_text(f"{raised}\n", "ascii")


def kill_session(leader: ProcessId, mark: str) -> int:
    """Send SIGKILL to the session a process leads or led, and wait up to two seconds for its end.

    Return how many processes received it. Once the leader has ended its pid may belong to another process, so
    the others must also have ``mark``, a ``NAME=value``, in their environment.
    """
    if leader.boot != boot_id():
        return 0
    is_ours = alive(leader)
    victims = [pid for pid in _session(leader.pid) if is_ours or _carries(pid, mark)]
    killed = sum(_kill(pid) for pid in victims)
    deadline = time.monotonic() + _DEATH_SECONDS
    while killed and any(_session(leader.pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return killed


def users() -> set[int]:
    """Return the real, effective and saved uids of all running processes."""
    return {uid for name in os.listdir(_PROC) if name.isdigit() for uid in _uids(_status(name))}


def is_used(uid: int) -> bool:
    """Return whether a process runs under the uid of a job, which has no other uid.

    The kernel answers when there is none, which is nearly always. Otherwise the processes of that owner are
    looked at, since it counts those that have ended and were not waited for, and those of root, which owns
    the directory of a process that nobody may inspect. A child of init or of the kernel that was root's for
    some seconds stays root's.
    """
    return _is_known(uid) and _is_in_proc(uid)


def _is_known(uid: int) -> bool:
    """Return whether the kernel has a process with this real uid; one system call, and no fork is missed.

    True where a kernel does not search by uid, too.
    """
    try:
        # A negative number stands for a uid from 2**31 on, which is too large for a C int.
        os.getpriority(os.PRIO_USER, uid if uid < 2**31 else uid - 2**32)
    except ProcessLookupError:
        return False
    return True


def _is_in_proc(uid: int) -> bool:
    now = time.monotonic()
    for name in os.listdir(_PROC):
        if not name.isdigit():
            continue
        with suppress(OSError):
            status = os.stat(f"/proc/{name}")
            is_roots = status.st_uid == 0
            if status.st_uid == uid or (is_roots and not _stays_roots(name, status.st_ino, now)):
                data = _status(name)
                if uid in _uids(data):
                    return True
                if is_roots and _uids(data) == {0} and _PARENT.search(data):
                    _ROOTS.setdefault(name, (status.st_ino, now))
    return False


def _stays_roots(pid: str, inode: int, now: float) -> bool:
    """Return whether a process is one that was seen as root's some seconds ago."""
    known, since = _ROOTS.get(pid, (inode, now))
    if known != inode:
        _ROOTS.pop(pid, None)
    return known == inode and now - since > _ROOTS_SECONDS


def _status(pid: str) -> bytes:
    return read_proc(f"/proc/{pid}/status")


def _uids(status: bytes) -> set[int]:
    """Return none when it has ended. The owner of its /proc directory would be the effective uid only."""
    # Line ends in the name, which precedes these fields, are escaped.
    state, uid = status.partition(b"\nState:\t")[2][:1], status.partition(b"\nUid:\t")[2]
    return set() if state in b"ZX" else {int(one) for one in uid.partition(b"\n")[0].split()}


def stat_of(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from the state (field 3) on; the name before them is arbitrary."""
    data = read_proc(f"/proc/{pid}/stat")
    # Not more than `start_of` needs.
    return data.rpartition(b")")[2].decode("ascii").split(None, 20) if data else None


def read_proc(path: str, whole: bool = False) -> bytes:
    """Return the first 4096 bytes of a file in /proc, or all of it; nothing once the process has ended.

    There are thousands of them, and an object for an open file takes four more system calls.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = piece = os.read(descriptor, _BLOCK)
            while whole and piece:
                piece = os.read(descriptor, _BLOCK)
                data += piece
            return data
        finally:
            os.close(descriptor)
    except OSError:
        return b""


def start_of(stat: list[str]) -> int:
    """Return the start of a process, in clock ticks since boot, from the result of `stat_of`."""
    return int(stat[19])  # field 22


def _session(leader: int) -> Iterator[int]:
    for name in os.listdir(_PROC):
        if name.isdigit():
            stat = stat_of(int(name))
            if stat is not None and int(stat[3]) == leader and stat[0] not in ("Z", "X"):
                yield int(name)


def _carries(pid: int, mark: str) -> bool:
    return mark.encode() in read_proc(f"/proc/{pid}/environ", whole=True).split(b"\0")


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True
