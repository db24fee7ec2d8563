"""Runs the scripts of jobs. The only place that starts programs, as whatever user."""

import logging
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from lgi_daemon.execution import environment, processes, sandbox
from lgi_daemon.execution.processes import ProcessId
from lgi_daemon.execution.rlimits import ResourceLimits

log = logging.getLogger(__name__)

CHECK_SECONDS = 60.0
# Stage-in and stage-out move files.
STAGE_SECONDS = 900.0
# What a script may still take when the daemon is to end.
STOP_SECONDS = 10.0
# How soon the end of the daemon is noticed by those who wait for a script.
_SLICE = 0.5
# What the kernel cannot end, as a call to a file server that is gone, is not waited for any longer.
_DEATH_SECONDS = 5.0
# Runs only after a line has come: by then the process is noted and under its limits. The script's path is an
# argument, never part of the command. Under root this shell is root, which the job's other processes cannot
# stop, and Popen has returned before the user changes.
# As LGI: a file without '#!' is run by sh.
_RUN_WHEN_TOLD = 'read -r go && exec "$@" < /dev/null'


class NoAnswerError(Exception):
    """A script did not end in time or could not be started: it said neither yes nor no."""

    def __init__(self, text: str, seconds: float = 0.0) -> None:
        """``seconds`` is how long it was waited for."""
        self.seconds = seconds
        super().__init__(text)


@dataclass(frozen=True)
class Place:
    """Where, as whom (None: the daemon's own user) and within what limits a script runs.

    ``hints`` are LGI_* variables; ``programs`` is the directory with LGI's programs.
    """

    directory: Path
    uid: int | None = None
    hints: dict[str, str] = field(default_factory=dict)
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    programs: Path | None = None

    def environment(self) -> dict[str, str]:
        """All that a script inherits."""
        home = None if self.uid is None else self.directory
        return environment.variables(self.programs, home, self.hints)


class Scripts:
    """Starts scripts, for any number of threads, and remembers those that nobody waits for."""

    def __init__(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """When ``stopping`` says so, no script is waited for longer than `STOP_SECONDS`."""
        self._stopping = stopping
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._waited_for: set[int] = set()
        self._guard = Lock()

    def sessions(self) -> frozenset[int]:
        """The sessions of the scripts that are waited for now: they are none of a job's own processes."""
        with self._guard:
            return frozenset(self._waited_for)

    def status(self, script: Path, place: Place, seconds: float = CHECK_SECONDS) -> int:
        """The exit status of a script, 0 for "yes"; NoAnswerError when it takes longer or cannot be started.

        What a script that takes too long has started is killed with it.
        """
        return self._status(_spawn(script, place), script, place, seconds)

    def said(self, script: Path, word: str, place: Place, seconds: float, most: int) -> str:
        """What a script, asked with a word, writes to standard output; NoAnswerError also when it fails.

        ``most`` is how many bytes are read of it.
        """
        with tempfile.TemporaryFile() as output:
            child = _spawn(script, place, (word,), output.fileno())
            status = self._status(child, script, place, seconds)
            if status != 0:
                raise NoAnswerError(f"{script.name} {word} answered {status}")
            output.seek(0)
            return output.read(most).decode("utf-8", "replace")

    def _status(self, child: "subprocess.Popen[bytes]", script: Path, place: Place, seconds: float) -> int:
        with self._guard:
            self._waited_for.add(child.pid)
        try:
            return self._wait(child, script, place, seconds)
        finally:
            with self._guard:
                self._waited_for.discard(child.pid)

    def _wait(self, child: "subprocess.Popen[bytes]", script: Path, place: Place, seconds: float) -> int:
        _release(child, script, place)
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            with suppress(subprocess.TimeoutExpired):
                return child.wait(min(_SLICE, end - now))
            if self._stopping():
                end = min(end, now + STOP_SECONDS)
        self._kill(child)
        if self._stopping():
            raise NoAnswerError(f"{script.name} was killed since the daemon ends")
        raise NoAnswerError(f"{script.name} took more than {seconds:g} s and was killed", seconds)

    def start(self, script: Path, place: Place, note: Callable[[ProcessId], None]) -> ProcessId:
        """Start a script in the background, in a session of its own that outlives the daemon.

        ``note`` is called with its identity before its first line runs; when the daemon dies in between, or
        ``note`` raises, it never runs. NoAnswerError when it cannot be started.
        """
        child = _spawn(script, place)
        self._children[child.pid] = child
        return _release(child, script, place, note)

    def reap(self) -> None:
        """Take note of the scripts that have ended and that nobody waits for."""
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
    script: Path, place: Place, words: tuple[str, ...] = (), output: int = subprocess.DEVNULL
) -> "subprocess.Popen[bytes]":
    """A script that waits for `_release`, in a new session, with a clean environment and no open file."""
    arguments = ["/bin/sh", "-c", _RUN_WHEN_TOLD, "LGI_daemon"]
    try:
        if place.uid is not None:
            arguments += sandbox.command(place.uid)
        return subprocess.Popen(  # noqa: S603 - the administrator's script, by its absolute path
            [*arguments, str(script), *words],
            cwd=place.directory,
            env=place.environment(),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.DEVNULL,
            close_fds=True,
            start_new_session=True,
            umask=0o077,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise NoAnswerError(f"{script.name} could not be started: {error}") from None


def _release(
    child: "subprocess.Popen[bytes]",
    script: Path,
    place: Place,
    note: Callable[[ProcessId], None] | None = None,
) -> ProcessId:
    """Let a script run that has been spawned, once it is under its limits and has been noted."""
    assert child.stdin is not None  # noqa: S101 - asked for with PIPE
    with child.stdin as gate:
        try:
            identity = processes.identify(child.pid)
            place.limits.hold(child.pid, is_run_script=note is not None)
            if note is not None:
                note(identity)
            gate.write(b"\n")
            gate.flush()
        except (BrokenPipeError, ProcessLookupError):
            raise NoAnswerError(f"{script.name} was killed before it began") from None
    return identity
