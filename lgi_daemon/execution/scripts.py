"""Runs the scripts of jobs, as any user."""

import logging
import os
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from lgi_daemon.execution import children, environment, process_hiding, processes
from lgi_daemon.execution.children import Child, Program
from lgi_daemon.execution.job_cgroups import JobCgroups
from lgi_daemon.execution.processes import ProcessId
from lgi_daemon.execution.rlimits import ResourceLimits

log = logging.getLogger(__name__)

# How often a worker that waits for a script checks whether the daemon is about to end.
_SLICE = 0.5
# A process the kernel cannot kill, as in a call to a dead file server, is not waited for any longer.
_DEATH_SECONDS = 5.0


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
        # Of the jobs that are started.
        self.cgroups = JobCgroups()
        self._stopping = stopping
        # Killed, but not dead yet.
        self._children: dict[int, Child] = {}
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
            child = _spawn(script, context, argument, output=output.fileno())
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
            child = _spawn(script, context, output=output.fileno(), with_errors=True)
            status = self._status(child, script, context, self.timeouts.check)
            output.seek(0)
            return status, output.read(max_bytes).decode("utf-8", "replace")

    def _status(self, child: Child, script: Path, context: ScriptContext, seconds: float) -> int:
        with self._guard:
            self._awaited_pids.add(child.pid)
        try:
            return self._wait(child, script, context, seconds)
        finally:
            with self._guard:
                self._awaited_pids.discard(child.pid)
            if child.pid not in self._children:
                child.close()

    def _wait(self, child: Child, script: Path, context: ScriptContext, seconds: float) -> int:
        process_id = _release(child, script, context)
        end = time.monotonic() + seconds
        try:
            while (now := time.monotonic()) < end:
                if (status := child.wait(min(_SLICE, end - now))) is not None:
                    return status
                if self._stopping():
                    end = min(end, now + self.timeouts.stop)
            self._kill(child)
        except OSError as error:
            if processes.alive(process_id):
                os.killpg(child.pid, signal.SIGKILL)
            raise NoAnswerError(f"the exit status of {script.name} is not known: {error}") from None
        if self._stopping():
            raise NoAnswerError(f"{script.name} was killed because the daemon is stopping")
        raise NoAnswerError(f"{script.name} exceeded its timeout of {seconds:g} s and was killed", seconds)

    def start(self, script: Path, context: ScriptContext, on_start: Callable[[ProcessId], None]) -> ProcessId:
        """Start a script in the background, in a session of its own that outlives the daemon.

        ``on_start`` is called with its process id before its first line runs; when the daemon dies before, or
        ``on_start`` raises, the script never runs. Raise NoAnswerError when it cannot be started.
        """
        child = _spawn(script, context, is_job=True)
        try:
            return _release(child, script, context, on_start)
        finally:
            child.close()

    def reap(self) -> None:
        """Forget the scripts that were killed and have died in the meantime."""
        for pid, child in list(self._children.items()):
            if not Path(f"/proc/{pid}").exists():
                child.close()
                del self._children[pid]

    def _kill(self, child: Child) -> None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        if child.wait(_DEATH_SECONDS) is None:
            self._children[child.pid] = child


def _spawn(
    script: Path,
    context: ScriptContext,
    *arguments: str,
    output: int = -1,
    with_errors: bool = False,
    is_job: bool = False,
) -> Child:
    """Start a script that waits for `_release`: a new session, a clean environment, no open files."""
    hides = is_job and context.uid is not None
    try:
        return children.SERVER.start(
            Program(
                [str(script), *arguments],
                context.directory,
                context.environment(),
                uid=context.uid,
                output=output,
                with_errors=with_errors,
                namespace=process_hiding.namespace() if hides else -1,
                is_job=is_job,
            )
        )
    except (OSError, ValueError) as error:
        raise NoAnswerError(f"{script.name} could not be started: {error}") from None


def _release(
    child: Child,
    script: Path,
    context: ScriptContext,
    on_start: Callable[[ProcessId], None] | None = None,
) -> ProcessId:
    """Let a spawned script run, once it is under its limits and recorded."""
    try:
        process_id = processes.identify(child.pid)
        context.limits.apply(child.pid, is_run_script=on_start is not None)
        if on_start is not None:
            processes.raise_oom_score(child.pid)
            on_start(process_id)
        child.release()
    except (BrokenPipeError, ProcessLookupError):
        raise NoAnswerError(f"{script.name} was killed before it started") from None
    return process_id
