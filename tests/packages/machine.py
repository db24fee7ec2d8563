"""Two machines with names and addresses of their own, joined by a cable: chroots in name spaces that last."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.packages.chroot import ENVIRONMENT, GENTLE, Chroot, chroot, entered
from tests.packages.terminal import converse

# The first process adopts what is left behind, and waits for it.
START = """
hostname "$2"
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

    def run(self, script: str, *, user: str = "root", typed: Mapping[str, str] | None = None) -> str:
        """Return what a script prints for a user who has logged in at a terminal.

        ``typed`` has what he types when a text appears. AssertionError when the script fails.
        """
        inside = ["su", "-", user, "-c", f"set -e\n{script}"]
        places = [f"--{name}=/proc/{self.holder}/ns/{name}" for name in ("mnt", "uts", "net")]
        places[0] = places[0].replace("--mnt", "--mount")
        places.append(f"--pid=/proc/{self.holder}/ns/pid_for_children")
        command = ["nsenter", *places, "chroot", str(self.chroot.path), *inside]
        return converse([*GENTLE, *command], typed or {})


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
    with chroot(release, directory) as made:
        (made.path / "etc" / "hosts").write_text(HOSTS)
        started = subprocess.Popen(
            entered(made.path, START, name, spaces=("--net", "--uts")),
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
