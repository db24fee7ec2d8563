"""Processes that wait, before they run a program, until they are recorded and under their limits.

They are children of the fork server of this process, which is started with the first of them, and again when
it has died.
"""

import array
import atexit
import os
import select
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from lgi_daemon.execution.fork_server import BEGUN, GO
from lgi_protocol.job_usage import NO_USAGE, JobUsage

_PROGRAM = Path(__file__).parent / "fork_server.py"
# A process that does not begin for so long never will.
_SECONDS = 60.0
# Ended jobs of which it is known what they used.
_KEPT = 4096


@dataclass(frozen=True)
class Program:
    """What to run: the words of a command, by an absolute path, where, and with which variables.

    ``uid`` is None for the own user. ``output`` is a descriptor, ``with_errors`` when both outputs go there.
    ``namespace`` is the descriptor of a mount namespace, -1 for this one. ``is_job`` when nobody waits for
    its end; a file with the name of the program and `HOLD` is deleted before it runs. ``session`` are the
    descriptors of standard input and error of one that a user speaks with, at a terminal if they are one.
    """

    command: Sequence[str]
    directory: Path
    environment: dict[str, str]
    uid: int | None = None
    output: int = -1
    with_errors: bool = False
    namespace: int = -1
    is_job: bool = False
    session: tuple[int, int] | None = None


class Child:
    """A process that waits, in a session of its own; it ends unless `release` is called."""

    def __init__(self, channel: socket.socket) -> None:
        """Wait for its begin. Raise OSError when it has none."""
        self._channel = channel
        self._status: int | None = None
        channel.settimeout(_SECONDS)
        said = channel.recv(16)
        if not said.startswith(BEGUN):
            raise OSError(f"no process could be started{f': status {said[1:].decode()}' if said else ''}")
        self.pid = int(said[1:])

    def release(self) -> None:
        """Let it run its program. Raise BrokenPipeError when it has ended."""
        self._channel.send(GO)

    def wait(self, seconds: float) -> int | None:
        """Return its exit status, negative for a signal; None while it runs. Raise OSError without one."""
        if self._status is None:
            poll = select.poll()
            poll.register(self._channel, select.POLLIN)
            if not poll.poll(1000 * seconds):
                return None
            said = self._channel.recv(16)
            if not said:
                raise OSError("the fork server of the daemon has died")
            self._status = int(said[1:])
        return self._status

    def close(self) -> None:
        """Expect nothing more of it: it ends if it was not released."""
        self._channel.close()


class ForkServer:
    """The fork server of this process, for several threads."""

    def __init__(self) -> None:
        """Start it when it is needed."""
        self._guard = Lock()
        self._owner = 0
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        # By process id.
        self._usages: dict[int, JobUsage] = {}

    def start(self, program: Program) -> Child:
        """Start a process that waits for its release. Raise OSError or ValueError when that fails."""
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ExitStack() as undo:
            undo.callback(ours.close)
            with its, open(os.devnull, "wb") as nothing:
                output = program.output if program.output >= 0 else nothing.fileno()
                namespace = [program.namespace] if program.namespace >= 0 else []
                files = [its.fileno(), output, *(program.session or ()), *namespace]
                self._send(_request(program), array.array("i", files))
            child = Child(ours)
            undo.pop_all()
        with self._guard:
            # Another process had this number before.
            self._receive()
            self._usages.pop(child.pid, None)
        return child

    def usage_of(self, pid: int, seconds: float) -> JobUsage:
        """Return what a process of a job, and all for which it has waited, have used until its end.

        Only time and memory, of the largest of them. Unknown when it has not ended, or another fork server
        has started it; one that is just ending is waited for.
        """
        with self._guard:
            self._receive()
            if pid not in self._usages and self._control is not None and seconds:
                select.select([self._control], [], [], seconds)
                self._receive()
            return self._usages.pop(pid, NO_USAGE)

    def _receive(self) -> None:
        while self._control is not None and self._owner == os.getpid():
            try:
                said = self._control.recv(64, socket.MSG_DONTWAIT).split()
            except OSError:
                return
            if not said:
                return
            pid, milliseconds, memory = map(int, said)
            self._usages[pid] = JobUsage(milliseconds, memory)
            if len(self._usages) > _KEPT:
                del self._usages[next(iter(self._usages))]

    def _send(self, request: bytes, files: "array.array[int]") -> None:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)]
        with self._guard:
            if self._control is None or self._owner != os.getpid():
                self._control = self._launch()
            try:
                self._control.sendmsg([request], ancillary)
            except (BrokenPipeError, ConnectionResetError):
                self._control = self._launch()
                self._control.sendmsg([request], ancillary)

    def _launch(self) -> socket.socket:
        """Start the fork server; a former one has died, or is that of the parent of this process."""
        if self._control is not None:
            self._receive()
            self._control.close()
        if self._process is not None and self._owner == os.getpid():
            self._process.wait()
        control, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-S", str(_PROGRAM), str(its.fileno())],
                pass_fds=[its.fileno()],
                cwd="/",
                env={},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._owner = os.getpid()
        return control

    def close(self) -> None:
        """End it; what it has started goes on, but for what waits."""
        if self._control is not None and self._process is not None and self._owner == os.getpid():
            self._control.close()
            self._process.wait()


def _request(program: Program) -> bytes:
    variables = [f"{name}={value}" for name, value in program.environment.items()]
    fields = [
        "job" if program.is_job else "session" if program.session else "script",
        "" if program.uid is None else str(program.uid),
        "errors" if program.with_errors else "",
        str(program.directory),
        str(len(program.command)),
        *program.command,
        *variables,
    ]
    if any("\0" in field for field in fields):
        raise ValueError("embedded null character")
    return "\0".join(fields).encode("utf-8", "surrogateescape")


SERVER = ForkServer()
atexit.register(SERVER.close)
