"""A scope of systemd for the jobs of a daemon, in which the daemon makes cgroups.

It is not the unit of the daemon: systemd before version 254 starts no process in a cgroup that is divided, so
a daemon could not be restarted beside its jobs. A process holds the scope while the daemon runs, and then
while there are cgroups of jobs: what the kernel has counted is kept until the next daemon reports it.
"""

import logging
import os
import select
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from lgi_daemon.execution import process_table

log = logging.getLogger(__name__)

CGROUPS = Path("/sys/fs/cgroup")
SYSTEMD = Path("/run/systemd/system")
_RUN, _SHOW, _ECHO = (shutil.which(name) or "" for name in ("systemd-run", "systemctl", "cat"))
# Its input ends with the daemon.
_HOLD = 'cat > /dev/null; while set -- "$0"/job_* && [ -e "$1" ]; do sleep 5; done'
_SECONDS = 10.0
# A scope that is just about to end cannot be used.
_ATTEMPTS = 3


class NoScopeError(Exception):
    """There can be no scope; the text says why."""


def problem() -> str:
    """Return why this daemon can have no scope with a memory limit; empty when it may have one."""
    try:
        controllers = (CGROUPS / "cgroup.controllers").read_text("ascii").split()
    except OSError:
        controllers = []
    if "memory" not in controllers:
        return "this system has no control groups of version 2 for memory"
    if not (SYSTEMD.is_dir() and _RUN and _SHOW and _ECHO):
        return "systemd does not run here"
    if os.geteuid() != 0 and not Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent"), "systemd").is_dir():
        return "no systemd of this user runs here (XDG_RUNTIME_DIR)"
    return ""


class JobScope:
    """The scope of the daemons of one run directory, one after the other."""

    def __init__(self, number: str) -> None:
        """Take the number of the run directory."""
        self.name = f"lgi-jobs-{number[:16].lower()}.scope"
        self.folder = Path()
        self._holder: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """Use the scope of a former daemon, or start one. Raise NoScopeError when there can be none."""
        if reason := problem():
            raise NoScopeError(reason)
        for attempt in range(_ATTEMPTS):
            time.sleep(attempt)
            try:
                self._open()
                return
            except (OSError, subprocess.SubprocessError, NoScopeError) as error:
                reason = str(error)
        raise NoScopeError(reason)

    def _open(self) -> None:
        starter = None
        if (folder := self._find()) is None:
            starter = self._start()
            folder = self._find()
        try:
            if folder is None:
                raise NoScopeError(f"systemd does not show the cgroup of {self.name}")
            self._divide(folder)
        finally:
            if starter is not None:
                starter.communicate()
        self.folder = folder

    def _find(self) -> Path | None:
        """Return the directory of the scope; None when there is none."""
        command = [_SHOW, *_manager(), "show", "--property=ControlGroup", "--value", self.name]
        done = subprocess.run(  # noqa: S603 - a program of systemd
            command, capture_output=True, text=True, timeout=_SECONDS, check=True
        )
        path = done.stdout.strip()
        return CGROUPS / path.lstrip("/") if path else None

    def _start(self) -> "subprocess.Popen[bytes]":
        """Start the scope with a process that ends when its input does."""
        options = [
            *("--scope", "--quiet", "--collect", "--slice-inherit", f"--unit={self.name}"),
            # All jobs together may have any number of processes, as in the unit of the daemon.
            *("--property=Delegate=memory", "--property=MemorySwapMax=0", "--property=TasksMax=infinity"),
            "--description=Jobs of LGI_daemon",
        ]
        pipe = subprocess.PIPE
        starter = subprocess.Popen(  # noqa: S603 - a program of systemd
            [_RUN, *_manager(), *options, "--", _ECHO],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )
        if not _echoes(starter):
            starter.kill()
            _out, errors = starter.communicate()
            text = " ".join(errors.decode("utf-8", "replace").split())
            raise NoScopeError(f"systemd-run fails: {text or 'no answer'}")
        return starter

    def _divide(self, folder: Path) -> None:
        """Hold the scope, and let it have cgroups: then no process may be in the scope itself.

        The holder shows that this daemon may put its children into the scope.
        """
        inner = folder / "holder"
        inner.mkdir(exist_ok=True)
        former = (inner / "cgroup.procs").read_text("ascii").split()
        starter = (folder / "cgroup.procs").read_text("ascii").split()
        self._holder = subprocess.Popen(  # noqa: S603 - a program of the system
            ["/bin/sh", "-c", _HOLD, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        try:
            for pid in [str(self._holder.pid), *starter]:
                (inner / "cgroup.procs").write_text(pid, "ascii")
            (folder / "cgroup.subtree_control").write_text("+memory", "ascii")
        except OSError:
            self._holder.kill()
            self._holder.communicate()
            raise
        process_table.kill(int(pid) for pid in former)

    def close(self) -> None:
        """Hold the scope no longer than jobs have cgroups in it."""
        if self._holder is not None and self._holder.stdin is not None:
            self._holder.stdin.close()


def _manager() -> list[str]:
    return [] if os.geteuid() == 0 else ["--user"]


def _echoes(process: "subprocess.Popen[bytes]") -> bool:
    """Return whether a process runs that writes what it reads."""
    assert process.stdin is not None  # noqa: S101 - opened with PIPE
    assert process.stdout is not None  # noqa: S101 - opened with PIPE
    with suppress(BrokenPipeError):
        process.stdin.write(b"\n")
        process.stdin.flush()
    is_ready, _, _ = select.select([process.stdout], [], [], _SECONDS)
    return bool(is_ready and process.stdout.readline())
