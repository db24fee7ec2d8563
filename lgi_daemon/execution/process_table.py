"""The processes of a job, and how much memory they use together.

To a job belong the processes of its run script's session, those that have its reference in their environment
and run under its uid, those under a uid that is the job's alone, and all children of these. A process that
has left the session with another environment, and whose parents have ended, is recognized by its uid only.
"""

import os
import signal
import time
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from lgi_daemon.execution import processes
from lgi_daemon.execution.processes import ProcessId

_VARIABLE = b"LGI_DAEMON_REFERENCE="
_PAGE = os.sysconf("SC_PAGE_SIZE")
_DEATH_SECONDS = 2.0
_MAX_STRANGERS = 10_000


@dataclass(slots=True)
class Process:
    """A running process: its parent, session and owner, and the job reference in its environment.

    The environment is read when it is needed: that of few processes is.
    """

    parent: int
    session: int
    started: int
    uid: int
    reference: str | None = None


@dataclass(frozen=True)
class ProcessSelector:
    """The properties by which a job's processes are recognized. ``owns_uid`` when no other job has its uid.

    ``excluded_sessions`` are those of scripts that the daemon runs for the job.
    """

    reference: str
    leader: ProcessId | None
    uid: int
    owns_uid: bool
    excluded_sessions: Collection[int] = ()


@dataclass
class ProcessTable:
    """The processes of this machine at the last call of `read`."""

    processes: dict[int, Process] = field(default_factory=dict)
    _unverified: set[int] = field(default_factory=set)

    def read(self, uid: int | None = None) -> None:
        """Read the processes; the environment of one that still runs is not read again.

        With the ``uid`` of a job those of other users are not read either, if they were before: there may be
        hundreds for each job that ends.
        """
        self._unverified = set()
        found = {}
        for pid, status in _running():
            known = None if status.st_uid == uid or uid is None else _STRANGERS.get(pid, status)
            one = known or _read(pid, status, self.processes.get(pid))
            if one is not None:
                found[pid] = one
            if known is not None:
                self._unverified.add(pid)
        self.processes = found
        for pid in [pid for pid in self._unverified if self._has_lost_parent(found[pid])]:
            self._verify(pid)

    def _has_lost_parent(self, one: Process) -> bool:
        """Return whether a process has another parent since it was read."""
        parent = self.processes.get(one.parent)
        return parent is None or parent.started > one.started

    def _verify(self, pid: int) -> bool:
        """Return whether a process is as it was when it was read; otherwise read it again."""
        if pid not in self._unverified:
            return True
        self._unverified.discard(pid)
        known = self.processes.pop(pid)
        try:
            fresh = _read(pid, os.stat(f"/proc/{pid}"), None)
        except OSError:
            fresh = None
        if fresh is not None:
            self.processes[pid] = fresh
        return fresh == known

    def select(self, job: ProcessSelector) -> set[int]:
        """Return the pids of a job's processes."""
        children = defaultdict(list)
        for pid, one in self.processes.items():
            children[one.parent].append(pid)
        found: set[int] = set()
        waiting = [pid for pid, one in self.processes.items() if self._belongs_to(pid, one, job)]
        while waiting:
            pid = waiting.pop()
            if pid not in self.processes:
                continue
            is_excluded = pid == os.getpid() or self.processes[pid].session in job.excluded_sessions
            if pid not in found and not is_excluded and self._verify(pid):
                found.add(pid)
                waiting += children[pid]
        return found

    def _belongs_to(self, pid: int, one: Process, job: ProcessSelector) -> bool:
        if one.uid == job.uid:
            if not job.owns_uid and one.reference is None:
                one.reference = _reference(pid)
            if job.owns_uid or one.reference == job.reference:
                return True
        if job.leader is None or job.leader.boot != processes.boot_id():
            return False
        # While it runs no other session has its number; later only the reference identifies its processes.
        leader = self.processes.get(job.leader.pid)
        return leader is not None and leader.started == job.leader.started and one.session == job.leader.pid


class _Strangers:
    """Processes of users whose jobs do not end at the moment, as they were when they were read."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int, Process]] = {}

    def get(self, pid: int, status: os.stat_result) -> Process | None:
        """Return a process if it is the same, by the inode of its directory, and of the same owner."""
        inode, uid, one = self._known.get(pid, (0, 0, None))
        return one if (inode, uid) == (status.st_ino, status.st_uid) else None

    def add(self, pid: int, status: os.stat_result, one: Process) -> None:
        """Remember a process."""
        if len(self._known) > _MAX_STRANGERS:
            self._known = {}
        self._known[pid] = status.st_ino, status.st_uid, one


_STRANGERS = _Strangers()


def _running() -> Iterable[tuple[int, os.stat_result]]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                status = os.stat(f"/proc/{name}")
            except OSError:
                continue
            yield int(name), status


def _read(pid: int, status: os.stat_result, known: Process | None) -> Process | None:
    """Read a process; return None for one that has ended."""
    stat = processes.stat_of(pid)
    if stat is None or stat[0] in ("Z", "X"):
        return None
    started = processes.start_of(stat)
    reference = known.reference if known is not None and known.started == started else None
    one = Process(int(stat[1]), int(stat[3]), started, status.st_uid, reference)
    _STRANGERS.add(pid, status, Process(one.parent, one.session, started, one.uid))
    return one


def _reference(pid: int) -> str:
    """Return the job reference of a process; empty for none, and when its environment cannot be read."""
    data = processes.read_proc(f"/proc/{pid}/environ", whole=True)
    found = (one for one in data.split(b"\0") if one.startswith(_VARIABLE))
    return next(found, b"").removeprefix(_VARIABLE).decode("ascii", "replace")


def memory(pids: Iterable[int], limit: int) -> int:
    """Return the bytes that processes use together; shared memory counts once when the limit is exceeded."""
    pids = list(pids)
    resident = sum(_resident(pid) for pid in pids)
    return resident if resident <= limit else sum(_share(pid) for pid in pids)


def _resident(pid: int) -> int:
    pages = processes.read_proc(f"/proc/{pid}/statm").split()[1:2]
    return int(pages[0]) * _PAGE if pages else 0


def _share(pid: int) -> int:
    """Return the proportional set size; the resident size where the system does not provide it."""
    data = processes.read_proc(f"/proc/{pid}/smaps_rollup")
    found = [line.split()[1] for line in data.splitlines() if line.startswith(b"Pss:")]
    return int(found[0]) * 1024 if found else _resident(pid)


def kill(pids: Iterable[int]) -> int:
    """Send SIGKILL; return how many processes received it."""
    return sum(_kill(pid) for pid in pids)


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def kill_all(job: ProcessSelector) -> int:
    """Send SIGKILL to all processes of a job, for at most two seconds; return how many received it."""
    table = ProcessTable()
    killed: set[int] = set()
    deadline = time.monotonic() + _DEATH_SECONDS
    while time.monotonic() < deadline:
        table.read(job.uid)
        pids = table.select(job)
        if not pids:
            break
        kill(pids)
        killed |= pids
        time.sleep(0.01)
    return len(killed)
