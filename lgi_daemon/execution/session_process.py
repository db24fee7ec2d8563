"""A program that a user speaks with beside a job: at a pseudo-terminal, or with pipes.

It is started as the scripts of the job are, by the fork server: with the job's user, namespace and limits.
"""

import fcntl
import os
import select
import signal
import struct
import termios
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from lgi_daemon.execution import children, process_hiding, processes
from lgi_daemon.execution.children import Child, Program
from lgi_daemon.execution.job_cgroups import JobCgroups
from lgi_daemon.execution.processes import ProcessId
from lgi_daemon.execution.scripts import ScriptContext

# Bytes of one read, and seconds until a program that was told to end is killed.
_BLOCK, _GRACE = 16 * 1024, 1.0
# Variables that the program of a job does not have, either.
_OF_SCRIPTS = ("LGI_STATE_DIRECTORY", "LGI_LIBRARY", "LGI_INPUT_BEGINNING")


@dataclass(frozen=True)
class SessionPlace:
    """Where the program runs: as the scripts of a job, on the cores of its run script, in its cgroup."""

    context: ScriptContext
    reference: str
    run: ProcessId
    cgroups: JobCgroups


@dataclass
class SessionProcess:
    """A program that runs; ``outputs`` are what it writes, by descriptor: False for standard error.

    One thread gives it input, another one reads what it writes and ends it. No descriptor is used that the
    other thread may have closed: its number may be that of another file by then.
    """

    child: Child
    process: ProcessId
    mark: str
    input: int
    has_terminal: bool
    outputs: dict[int, bool] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def write(self, data: bytes, seconds: float) -> bytes:
        """Give the program some input; return what it has not taken within ``seconds``."""
        source = self.input
        if source < 0:
            return b""
        if not _ready(source, select.POLLOUT, seconds):
            return data
        try:
            with self._guard:
                # It does not wait; -1 when the input was closed meanwhile.
                return data[os.write(self.input, data) :]
        except BlockingIOError:
            return data
        except OSError:
            # It reads no more.
            self.end_input()
            return b""

    def end_input(self) -> None:
        """Let the program read the end of its input."""
        if not self.has_terminal and (source := self._take_input()) >= 0:
            os.close(source)

    def _take_input(self) -> int:
        """Return the descriptor of the input, which nobody uses from now on; -1 if it is closed."""
        with self._guard:
            source, self.input = self.input, -1
        return source

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal, if there is one, another size; the kernel tells the program."""
        with self._guard:
            if self.has_terminal and self.input >= 0:
                fcntl.ioctl(self.input, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self, seconds: float) -> list[tuple[bool, bytes]]:
        """Return what the program writes within ``seconds``: whether it is standard output, and the bytes."""
        poll = select.poll()
        for descriptor in self.outputs:
            poll.register(descriptor, select.POLLIN)
        found = []
        for descriptor, _event in poll.poll(1000 * seconds):
            try:
                data = os.read(descriptor, _BLOCK)
            except OSError:
                # A terminal that no program has open any more.
                data = b""
            if data:
                found.append((self.outputs[descriptor], data))
            else:
                self._close(descriptor)
        return found

    def _close(self, descriptor: int) -> None:
        self.outputs.pop(descriptor)
        if descriptor != self.input:
            os.close(descriptor)

    def end(self) -> None:
        """End the program and all others of its session, and close everything."""
        with suppress(OSError):
            if processes.alive(self.process):
                os.killpg(self.process.pid, signal.SIGHUP)
                self.child.wait(_GRACE)
        processes.kill_session(self.process, self.mark)
        descriptors = {*self.outputs, self._take_input()} - {-1}
        self.outputs = {}
        for descriptor in descriptors:
            os.close(descriptor)
        self.child.close()


def start(
    words: Sequence[str], place: SessionPlace, *, terminal: tuple[int, int] | None, term: str
) -> SessionProcess:
    """Start a command, without words a shell; ``terminal`` are columns and lines, None for pipes.

    Raise OSError or ValueError when it cannot be started.
    """
    opened = _open_terminal(place.context.uid) if terminal else _open_pipes()
    try:
        child = children.SERVER.start(_program(words, place, opened, term))
    except (OSError, ValueError):
        for descriptor in {opened.input, *opened.outputs}:
            os.close(descriptor)
        raise
    finally:
        for descriptor in set(opened.theirs):
            os.close(descriptor)
    started = SessionProcess(
        child, processes.identify(child.pid), _mark(place), opened.input, terminal is not None, opened.outputs
    )
    if terminal:
        started.resize(*terminal)
    try:
        _bound(child.pid, place)
        child.release()
    except OSError:
        started.end()
        raise
    return started


def _ready(descriptor: int, event: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, event)
    return bool(poll.poll(1000 * seconds))


@dataclass(frozen=True)
class _Ends:
    """Our ends of the streams of a program, and its standard input, output and error."""

    input: int
    outputs: dict[int, bool]
    theirs: tuple[int, int, int]


def _open_terminal(uid: int | None) -> _Ends:
    master, slave = os.openpty()
    # Programs open their terminal by its name, too.
    os.fchmod(slave, 0o600)
    if uid is not None:
        os.fchown(slave, uid, -1)
    os.set_blocking(master, False)
    return _Ends(master, {master: True}, (slave, slave, slave))


def _open_pipes() -> _Ends:
    (read, stdin), (stdout, out), (stderr, errors) = (os.pipe2(os.O_CLOEXEC) for _stream in range(3))
    os.set_blocking(stdin, False)
    return _Ends(stdin, {stdout: True, stderr: False}, (read, out, errors))


def _mark(place: SessionPlace) -> str:
    return f"LGI_DAEMON_REFERENCE={place.reference}"


def _program(words: Sequence[str], place: SessionPlace, opened: _Ends, term: str) -> Program:
    context = place.context
    variables = context.environment()
    variables["PATH"] = variables.pop("LGI_JOB_PATH", variables["PATH"])
    for name in _OF_SCRIPTS:
        variables.pop(name, None)
    shell = "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh"
    variables |= {"SHELL": shell} | ({"TERM": term} if term else {})
    # The words are arguments: the shell only looks up the first one.
    command = [shell, "-c", 'exec "$@"', "LGI_attach", *words] if words else [shell]
    read, out, errors = opened.theirs
    return Program(
        command,
        context.directory,
        variables,
        uid=context.uid,
        output=out,
        namespace=process_hiding.namespace() if context.uid is not None else -1,
        session=(read, errors),
    )


def _bound(pid: int, place: SessionPlace) -> None:
    """Put a process under all limits of the job, before it runs. Raise OSError when that fails."""
    place.context.limits.apply(pid, is_run_script=True)
    processes.raise_oom_score(pid)
    place.cgroups.join(place.reference, pid)
    os.sched_setaffinity(pid, os.sched_getaffinity(place.run.pid))
