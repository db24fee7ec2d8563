"""Runs the scripts of jobs. Only this module starts programs, as any user."""

import logging
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from lgi_daemon.execution import environment, process_hiding, processes, sandbox
from lgi_daemon.execution.processes import ProcessId
from lgi_daemon.execution.rlimits import ResourceLimits

log = logging.getLogger(__name__)

# How often a worker that waits for a script checks whether the daemon is about to end.
_SLICE = 0.5
# A process the kernel cannot kill, as in a call to a dead file server, is not waited for any longer.
_DEATH_SECONDS = 5.0
# Runs the script only after a line was read: by then the process is recorded and under its limits. The path
# of the script is an argument, never part of the command. Under root this shell runs as root, which the job's
# other processes cannot stop, and Popen has returned before the user changes.
# As LGI: a file without '#!' is run by sh.
_GATED_COMMAND = 'read -r go && exec "$@" < /dev/null'


class NoAnswerError(Exception):
    """A script exceeded its timeout or could not be started, so there is no exit status."""

    def __init__(self, text: str, seconds: float = 0.0) -> None:
        """Store the message and for how many seconds the script was waited for."""
        self.seconds = seconds
        super().__init__(text)


@dataclass(frozen=True)
class ScriptTimeouts:
    """How long the daemon waits for scripts, in seconds.

    ``check`` is halved, down to ``shortest_check``, for a job whose scripts do not answer; ``stage`` is for
    prologue and epilogue, which move files; ``stop`` is for all when the daemon is about to end.
    """

    check: float = 60.0
    shortest_check: float = 15.0
    stage: float = 900.0
    stop: float = 10.0


@dataclass(frozen=True)
class ScriptContext:
    """The directory, user (None: the daemon's own) and limits a script runs with.

    ``hints`` are LGI_* variables; ``programs`` is the directory with LGI's programs.
    """

    directory: Path
    uid: int | None = None
    hints: dict[str, str] = field(default_factory=dict)
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    programs: Path | None = None

    def environment(self) -> dict[str, str]:
        """Return all environment variables of the script."""
        home = None if self.uid is None else self.directory
        return environment.variables(self.programs, home, self.hints)


class Scripts:
    """Starts scripts, for any number of threads, and reaps those in the background."""

    def __init__(
        self, stopping: Callable[[], bool] = lambda: False, timeouts: ScriptTimeouts | None = None
    ) -> None:
        """Wait for no script longer than the timeout ``stop`` once ``stopping`` returns True."""
        self.timeouts = timeouts or ScriptTimeouts()
        self._stopping = stopping
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._awaited_pids: set[int] = set()
        self._guard = Lock()

    def sessions(self) -> frozenset[int]:
        """Return the sessions of the scripts that run now: they do not belong to the job's own processes."""
        with self._guard:
            return frozenset(self._awaited_pids)

    def status(self, script: Path, context: ScriptContext, seconds: float | None = None) -> int:
        """Return the exit status of a script.

        Raise NoAnswerError when it exceeds the timeout, by default that of checks, and is killed with all its
        children, or cannot be started.
        """
        timeout = self.timeouts.check if seconds is None else seconds
        return self._status(_spawn(script, context), script, context, timeout)

    def output(
        self, script: Path, argument: str, context: ScriptContext, *, seconds: float, max_bytes: int
    ) -> str:
        """Return the first ``max_bytes`` that a script writes to standard output.

        Raise NoAnswerError when it exceeds the timeout, cannot be started or fails.
        """
        with tempfile.TemporaryFile() as output:
            child = _spawn(script, context, (argument,), output.fileno())
            status = self._status(child, script, context, seconds)
            if status != 0:
                raise NoAnswerError(f"{script.name} {argument} exited with {status}")
            output.seek(0)
            return output.read(max_bytes).decode("utf-8", "replace")

    def answer(self, script: Path, context: ScriptContext, *, max_bytes: int) -> tuple[int, str]:
        """Return the exit status of a script and the first ``max_bytes`` of both its outputs.

        Raise NoAnswerError as `status`.
        """
        with tempfile.TemporaryFile() as output:
            child = _spawn(script, context, (), output.fileno(), with_errors=True)
            status = self._status(child, script, context, self.timeouts.check)
            output.seek(0)
            return status, output.read(max_bytes).decode("utf-8", "replace")

    def _status(
        self, child: "subprocess.Popen[bytes]", script: Path, context: ScriptContext, seconds: float
    ) -> int:
        with self._guard:
            self._awaited_pids.add(child.pid)
        try:
            return self._wait(child, script, context, seconds)
        finally:
            with self._guard:
                self._awaited_pids.discard(child.pid)

    def _wait(
        self, child: "subprocess.Popen[bytes]", script: Path, context: ScriptContext, seconds: float
    ) -> int:
        _release(child, script, context)
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            processes.wait_for_exit(child.pid, min(_SLICE, end - now))
            if (status := child.poll()) is not None:
                return status
            if self._stopping():
                end = min(end, now + self.timeouts.stop)
        self._kill(child)
        if self._stopping():
            raise NoAnswerError(f"{script.name} was killed because the daemon is stopping")
        raise NoAnswerError(f"{script.name} exceeded its timeout of {seconds:g} s and was killed", seconds)

    def start(self, script: Path, context: ScriptContext, on_start: Callable[[ProcessId], None]) -> ProcessId:
        """Start a script in the background, in a session of its own that outlives the daemon.

        ``on_start`` is called with its process id before its first line runs; when the daemon dies before, or
        ``on_start`` raises, the script never runs. Raise NoAnswerError when it cannot be started.
        """
        child = _spawn(script, context, is_job=True)
        self._children[child.pid] = child
        return _release(child, script, context, on_start)

    def reap(self) -> None:
        """Collect the exit statuses of scripts in the background that have ended."""
        for pid, child in list(self._children.items()):
            if child.poll() is not None:
                del self._children[pid]

    def _kill(self, child: "subprocess.Popen[bytes]") -> None:
        os.killpg(child.pid, signal.SIGKILL)
        try:
            child.wait(_DEATH_SECONDS)
        except subprocess.TimeoutExpired:
            self._children[child.pid] = child


def _spawn(
    script: Path,
    context: ScriptContext,
    arguments: tuple[str, ...] = (),
    output: int = subprocess.DEVNULL,
    *,
    with_errors: bool = False,
    is_job: bool = False,
) -> "subprocess.Popen[bytes]":
    """Start a script that waits for `_release`: a new session, a clean environment, no open files."""
    command = ["/bin/sh", "-c", _GATED_COMMAND, "LGI_daemon"]
    try:
        if context.uid is not None:
            hiding = process_hiding.command(context.directory) if is_job else []
            command += [*hiding, *sandbox.command(context.uid)]
        return subprocess.Popen(  # noqa: S603 - the administrator's script, by its absolute path
            [*command, str(script), *arguments],
            cwd=context.directory,
            env=context.environment(),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT if with_errors else subprocess.DEVNULL,
            close_fds=True,
            start_new_session=True,
            umask=0o077,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise NoAnswerError(f"{script.name} could not be started: {error}") from None


def _release(
    child: "subprocess.Popen[bytes]",
    script: Path,
    context: ScriptContext,
    on_start: Callable[[ProcessId], None] | None = None,
) -> ProcessId:
    """Let a spawned script run, once it is under its limits and recorded."""
    assert child.stdin is not None  # noqa: S101 - opened with PIPE
    with child.stdin as gate:
        try:
            process_id = processes.identify(child.pid)
            context.limits.apply(child.pid, is_run_script=on_start is not None)
            if on_start is not None:
                processes.raise_oom_score(child.pid)
                on_start(process_id)
            gate.write(b"\n")
            gate.flush()
        except (BrokenPipeError, ProcessLookupError):
            raise NoAnswerError(f"{script.name} was killed before it started") from None
    return process_id
