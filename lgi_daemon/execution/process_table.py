"""Which processes are a job's, and how much memory they have together.

A job's are those of its run script's session, those that carry its reference in their environment and run
under its uid, those under a uid that is the job's alone, and all that one of these has started. A process
that has left the session with another environment, and whose parents have ended, is found by its uid only.
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
    """One that lives: its parent and session, its owner, and the job whose reference it carries."""

    parent: int
    session: int
    started: int
    uid: int
    reference: str


@dataclass(frozen=True)
class Belongings:
    """What a job's processes are known by. ``owns_uid`` when nobody else has its uid.

    ``without`` are sessions of scripts that ask about the job: they are the daemon's.
    """

    reference: str
    leader: ProcessId | None
    uid: int
    owns_uid: bool
    without: Collection[int] = ()


@dataclass
class ProcessTable:
    """The processes of this machine as they were when `read` was called last."""

    processes: Mapping[int, Process] = field(default_factory=dict)

    def read(self) -> None:
        """Look again. What was known of a process that is still there is not read twice."""
        self.processes = dict(_all(self.processes))

    def of(self, job: Belongings) -> set[int]:
        """The numbers of a job's processes."""
        children = defaultdict(list)
        for pid, one in self.processes.items():
            children[one.parent].append(pid)
        found: set[int] = set()
        waiting = [pid for pid, one in self.processes.items() if self._is_of(pid, one, job)]
        while waiting:
            pid = waiting.pop()
            if pid not in found and self.processes[pid].session not in job.without and pid != os.getpid():
                found.add(pid)
                waiting += children[pid]
        return found

    def _is_of(self, pid: int, one: Process, job: Belongings) -> bool:
        if one.uid == job.uid and (job.owns_uid or one.reference == job.reference):
            return True
        if job.leader is None or job.leader.boot != processes.boot_id():
            return False
        # While it lives no other session has its number; afterwards only the reference tells.
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
    """What a process carries; empty for none, and for one that may not be looked into."""
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as opened:
            data = opened.readall()
    except OSError:
        return ""
    found = (one for one in data.split(b"\0") if one.startswith(_VARIABLE))
    return next(found, b"").removeprefix(_VARIABLE).decode("ascii", "replace")


def memory(pids: Iterable[int], limit: int) -> int:
    """Bytes that processes have together. What they share is counted once where a limit depends on it."""
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
    """The proportional set size; all that is resident where the system does not say."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb", buffering=0) as opened:
            data = opened.readall()
    except OSError:
        return _resident(pid)
    found = [line.split()[1] for line in data.splitlines() if line.startswith(b"Pss:")]
    return int(found[0]) * 1024 if found else _resident(pid)


def kill(pids: Iterable[int]) -> int:
    """SIGKILL; how many that was."""
    return sum(_kill(pid) for pid in pids)


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def end(job: Belongings) -> int:
    """SIGKILL all processes of a job until none is left, for two seconds at most; how many that was."""
    table = ProcessTable()
    killed: set[int] = set()
    patience = time.monotonic() + _DEATH_SECONDS
    while time.monotonic() < patience:
        table.read()
        found = table.of(job)
        if not found:
            break
        kill(found)
        killed |= found
        time.sleep(0.01)
    return len(killed)
