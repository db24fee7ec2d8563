"""Two machines with names and addresses of their own, joined by a cable: chroots in name spaces that last."""

import os
import select
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.packages.chroot import ENVIRONMENT, GENTLE, Chroot, chroot

# The first process adopts what is left behind, and waits for it.
START = """
hostname "$2"
ip link set lo up
mount -t proc proc "$1/proc"
mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
echo ready
exec chroot "$1" sh -c 'while :; do sleep 1000 & wait; done'
"""
HOSTS = "127.0.0.1 localhost\n10.9.8.1 lgi.example.org\n10.9.8.2 desk\n"
ADDRESSES = {"lgi.example.org": "10.9.8.1/24", "desk": "10.9.8.2/24"}


@dataclass(frozen=True)
class Machine:
    """A chroot whose programs run on in the background; the process holds its name spaces."""

    chroot: Chroot
    holder: int

    def run(self, script: str, *, user: str = "root", typed: dict[str, str] | None = None) -> str:
        """Return what a script prints for a user who has logged in at a terminal.

        ``typed`` has what he types when a text appears. AssertionError when the script fails.
        """
        inside = ["su", "-", user, "-c", f"set -e\n{script}"]
        places = [f"--{name}=/proc/{self.holder}/ns/{name}" for name in ("mnt", "uts", "net")]
        places[0] = places[0].replace("--mnt", "--mount")
        places.append(f"--pid=/proc/{self.holder}/ns/pid_for_children")
        command = ["nsenter", *places, "chroot", str(self.chroot.path), *inside]
        with Terminal([*GENTLE, *command]) as terminal:
            for text, answer in (typed or {}).items():
                terminal.wait_for(text)
                terminal.type(answer)
            code = terminal.end()
        assert code == 0, f"{script}\n{terminal.output[-6000:]}"
        return terminal.output


class Terminal:
    """A program at a terminal of its own: ``script`` of util-linux makes it."""

    def __init__(self, command: list[str], seconds: float = 300.0) -> None:
        self.output = ""
        self._end = time.monotonic() + seconds
        self._started = subprocess.Popen(
            ["script", "-qefc", shlex.join(command), "/dev/null"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=ENVIRONMENT,
            start_new_session=True,
        )

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self._started.kill()
        self._started.communicate()

    def wait_for(self, text: str) -> None:
        """Read until a text appears; AssertionError when it does not."""
        while text not in self.output:
            assert self._read(), f"no {text!r} in\n{self.output[-6000:]}"

    def type(self, line: str) -> None:
        """Type a line."""
        assert self._started.stdin is not None
        # The program flushes what was typed before it had turned the echo off.
        time.sleep(0.5)
        self._started.stdin.write(f"{line}\n".encode())
        self._started.stdin.flush()

    def end(self) -> int:
        """Return the exit code of the program, which has read all."""
        while self._read():
            pass
        return self._started.wait(10)

    def _read(self) -> bool:
        """Read what there is; False at the end."""
        assert self._started.stdout is not None
        left = self._end - time.monotonic()
        assert left > 0, f"no end of\n{self.output[-6000:]}"
        ready, _, _ = select.select([self._started.stdout], [], [], left)
        read = os.read(self._started.stdout.fileno(), 65536) if ready else b""
        self.output += read.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(read)


@contextmanager
def pair(release: str, directory: Path) -> Iterator[tuple[Machine, Machine]]:
    """Start the server's machine, lgi.example.org, and a user's, desk; neither sees another network."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(_machine(name, release, directory / name)) for name in ADDRESSES)
        ends = [["name", "cable", "netns", str(machine.holder)] for machine in (first, second)]
        subprocess.run(["ip", "link", "add", *ends[0], "type", "veth", "peer", *ends[1]], check=True)
        for machine, address in zip((first, second), ADDRESSES.values(), strict=True):
            for words in (["addr", "add", address, "dev", "cable"], ["link", "set", "cable", "up"]):
                subprocess.run(["nsenter", f"--net=/proc/{machine.holder}/ns/net", "ip", *words], check=True)
        yield first, second


@contextmanager
def _machine(name: str, release: str, directory: Path) -> Iterator[Machine]:
    directory.mkdir(parents=True)
    spaces = ["--mount", "--pid", "--net", "--uts", "--fork", "--kill-child"]
    with chroot(release, directory) as made:
        (made.path / "etc" / "hosts").write_text(HOSTS)
        started = subprocess.Popen(
            ["unshare", *spaces, "sh", "-eu", "-c", START, "sh", made.path, name],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        try:
            assert started.stdout is not None
            assert started.stdout.readline() == b"ready\n"
            yield Machine(made, started.pid)
        finally:
            started.kill()
            started.communicate()
