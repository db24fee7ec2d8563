"""The processes of a job, and how much memory they use together.

To a job belong the processes of its run script's session, those that have its reference in their environment
and run under its uid, those under a uid that is the job's alone, and all children of these. A process that
has left the session with another environment, and whose parents have ended, is recognized by its uid only.
"""

import os
import signal
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from lgi_daemon.execution import processes
from lgi_daemon.execution.processes import ProcessId

_VARIABLE = b"LGI_DAEMON_REFERENCE="
_PAGE = os.sysconf("SC_PAGE_SIZE")
_DEATH_SECONDS = 2.0


@dataclass(frozen=True)
class Process:
    """A running process: its parent, session and owner, and the job reference in its environment."""

    parent: int
    session: int
    started: int
    uid: int
    reference: str


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

    processes: Mapping[int, Process] = field(default_factory=dict)

    def read(self) -> None:
        """Read the processes; what is known of one that still runs is not read again."""
        self.processes = dict(_all(self.processes))

    def select(self, job: ProcessSelector) -> set[int]:
        """Return the pids of a job's processes."""
        children = defaultdict(list)
        for pid, one in self.processes.items():
            children[one.parent].append(pid)
        found: set[int] = set()
        waiting = [pid for pid, one in self.processes.items() if self._belongs_to(pid, one, job)]
        while waiting:
            pid = waiting.pop()
            is_excluded = pid == os.getpid() or self.processes[pid].session in job.excluded_sessions
            if pid not in found and not is_excluded:
                found.add(pid)
                waiting += children[pid]
        return found

    def _belongs_to(self, pid: int, one: Process, job: ProcessSelector) -> bool:
        if one.uid == job.uid and (job.owns_uid or one.reference == job.reference):
            return True
        if job.leader is None or job.leader.boot != processes.boot_id():
            return False
        # While it runs no other session has its number; later only the reference identifies its processes.
        leader = self.processes.get(job.leader.pid)
        return leader is not None and leader.started == job.leader.started and one.session == job.leader.pid


def _all(known: Mapping[int, Process]) -> Iterable[tuple[int, Process]]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            pid = int(name)
            stat = processes.stat_of(pid)
            if stat is not None and stat[0] not in ("Z", "X"):
                yield pid, _process(pid, stat, known.get(pid))


def _process(pid: int, stat: list[str], known: Process | None) -> Process:
    started = processes.start_of(stat)
    try:
        uid = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        uid = -1
    is_known = known is not None and known.started == started
    reference = known.reference if known is not None and is_known else _reference(pid)
    return Process(int(stat[1]), int(stat[3]), started, uid, reference)


def _reference(pid: int) -> str:
    """Return the job reference of a process; empty for none, and when its environment cannot be read."""
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as opened:
            data = opened.readall()
    except OSError:
        return ""
    found = (one for one in data.split(b"\0") if one.startswith(_VARIABLE))
    return next(found, b"").removeprefix(_VARIABLE).decode("ascii", "replace")


def memory(pids: Iterable[int], limit: int) -> int:
    """Return the bytes that processes use together; shared memory counts once when the limit is exceeded."""
    pids = list(pids)
    resident = sum(_resident(pid) for pid in pids)
    return resident if resident <= limit else sum(_share(pid) for pid in pids)


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb", buffering=0) as opened:
            return int(opened.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _share(pid: int) -> int:
    """Return the proportional set size; the resident size where the system does not provide it."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb", buffering=0) as opened:
            data = opened.readall()
    except OSError:
        return _resident(pid)
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
        table.read()
        pids = table.select(job)
        if not pids:
            break
        kill(pids)
        killed |= pids
        time.sleep(0.01)
    return len(killed)
