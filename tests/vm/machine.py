"""A virtual machine of the tests: boots an image, and runs commands as root.

It has no way out: its first network is reached from this machine by ssh only. A cable joins two machines.
"""

import os
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.packages.chroot import GENTLE, output_of
from tests.packages.terminal import converse
from tests.support.grid import free_port
from tests.vm.image import Image

# Without the help of the processor a machine is ten times as slow, and this one may be busy.
BOOT_SECONDS = 900.0
COMMAND_SECONDS = 300.0
# Of what a user types, which may set up a project.
SESSION_SECONDS = 2400.0
# Of the cable, the second card of each machine, in order.
ADDRESSES = ("10.1.0.1", "10.1.0.2")


@dataclass
class Machine:
    """A virtual machine; its disk is forgotten when it ends, but not when it reboots."""

    image: Image
    directory: Path
    name: str = "machine"
    megabytes: int = 1024
    # Where the cable is, and this machine's end of it.
    cable: Path | None = None
    end: int = 0
    _port: int = field(default_factory=free_port)
    _processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def console(self) -> Path:
        """What its kernel and systemd have said."""
        return self.directory / f"{self.name}.console"

    def start(self) -> None:
        """Boot it; return when it can be logged in to."""
        self._spawn([*GENTLE, "qemu-system-x86_64", *self._hardware(), *self._network()])
        self.connect()
        if self.cable is not None:
            address = f"[Match]\\nName=eth1\\n[Network]\\nAddress={ADDRESSES[self.end]}/24\\n"
            self.run(f"printf '{address}' > /etc/systemd/network/cable.network; networkctl reload")

    def connect(self) -> None:
        """Log in, as soon as it has booted."""
        deadline = time.monotonic() + BOOT_SECONDS
        while not self._login(deadline):
            if time.monotonic() > deadline or self._processes[0].poll() is not None:
                pytest.fail(f"{self.name} cannot be logged in to:\n{self._tail()}")
            time.sleep(1.0)

    def _login(self, deadline: float) -> bool:
        """Return whether a login was possible; further commands use it."""
        login = self._spawn([*self._ssh(), "-M", "-N", "-o", "ConnectTimeout=60", "root@127.0.0.1"])
        check = [*self._ssh(), "-O", "check", "root@127.0.0.1"]
        while login.poll() is None and time.monotonic() < deadline:
            if subprocess.run(check, capture_output=True, check=False).returncode == 0:
                return True
            time.sleep(0.5)
        self._stop(login)
        return False

    def run(
        self,
        script: str,
        *,
        user: str = "",
        typed: Mapping[str, str] | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> str:
        """Return what a script of the shell prints as root; fail unless it exits with 0.

        With ``user``, that one has logged in at a terminal, and types what ``typed`` has when a text appears.
        """
        if user:
            words = shlex.join(["su", "-", user, "-c", f"set -e\n{script}"])
            return converse([*self._ssh(), "-tt", "root@127.0.0.1", words], typed or {}, SESSION_SECONDS)
        command = [*self._ssh(), "root@127.0.0.1", f"sh -euc {shlex.quote(script)}"]
        return output_of(command, f"{self.name}: {script}", timeout=timeout)

    def until(self, script: str, *, seconds: float = COMMAND_SECONDS) -> str:
        """Return what a script prints once it succeeds; fail when it does not in time."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.run(script)
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(1.0)

    def write(self, path: str, content: bytes) -> None:
        """Write a file of the machine."""
        command = [*self._ssh(), "root@127.0.0.1", f"cat > {shlex.quote(path)}"]
        subprocess.run(command, input=content, timeout=COMMAND_SECONDS, check=True)

    def reboot(self) -> None:
        """Reboot it; return when it can be logged in to."""
        with suppress(AssertionError, subprocess.TimeoutExpired):
            self.run("systemctl reboot", timeout=60.0)
        self._processes[-1].wait(BOOT_SECONDS)
        self.connect()

    def power_off(self) -> None:
        """End it at once, as a power cut does."""
        for process in reversed(self._processes):
            self._stop(process)
        self._processes = []

    def _hardware(self) -> list[str]:
        # Services of a machine that is emulated need more time than systemd gives them.
        patience = f"systemd.default_timeout_start_sec={BOOT_SECONDS:.0f}"
        arguments = f"root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off panic=-1 quiet {patience}"
        return [
            *("-accel", accelerator(), "-cpu", "max", "-m", str(self.megabytes), "-smp", "2"),
            *("-display", "none", "-nodefaults", "-device", "virtio-rng-pci"),
            *("-serial", f"file:{self.console}"),
            *("-kernel", str(self.image.kernel), "-initrd", str(self.image.initrd)),
            *("-append", f"{arguments} systemd.hostname={self.name}"),
            *("-drive", f"file={self.image.disk},format=raw,if=virtio,snapshot=on"),
        ]

    def _network(self) -> list[str]:
        forward = f"hostfwd=tcp:127.0.0.1:{self._port}-:22"
        arguments = [
            *("-netdev", f"user,id=net0,restrict=on,{forward}"),
            *("-device", "virtio-net-pci,netdev=net0"),
        ]
        if self.cable is not None:
            side = "on" if self.end == 0 else "off"
            arguments += [
                *("-netdev", f"stream,id=net1,server={side},addr.type=unix,addr.path={self.cable}"),
                *("-device", f"virtio-net-pci,netdev=net1,mac=52:54:00:00:01:0{self.end + 1}"),
            ]
        return arguments

    def _ssh(self) -> list[str]:
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": os.devnull,
            "LogLevel": "ERROR",
            "ControlPath": str(self.directory / f"{self.name}.ssh"),
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return ["ssh", "-F", os.devnull, "-i", str(self.image.key), "-p", str(self._port), *words]

    def _spawn(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        """Start a process that does not survive this one."""
        with (self.directory / f"{self.name}.log").open("ab") as log:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def _stop(self, process: "subprocess.Popen[bytes]") -> None:
        process.kill()
        process.wait()
        self._processes.remove(process)

    def _tail(self) -> str:
        names = (self.console, self.directory / f"{self.name}.log")
        return "\n".join(name.read_text("utf-8", "replace")[-3000:] for name in names if name.exists())


def accelerator() -> str:
    """Return "kvm" where the processor has what it needs; else the machine is emulated, ten times as slow."""
    flags = Path("/proc/cpuinfo").read_text("ascii", "replace")
    has_help = " vmx" in flags or " svm" in flags
    return "kvm" if has_help and os.access("/dev/kvm", os.R_OK | os.W_OK) else "tcg"


@contextmanager
def running(image: Image, directory: Path, *names: str, megabytes: int = 1024) -> Iterator[list[Machine]]:
    """Boot one machine, or two that a cable joins and that know each other's names; end them afterwards."""
    cable = directory / "cable" if len(names) > 1 else None
    machines = [Machine(image, directory, name, megabytes, cable, end) for end, name in enumerate(names)]
    hosts = "\n".join(f"{address} {name}" for address, name in zip(ADDRESSES, names, strict=False))
    try:
        for machine in machines:
            machine.start()
            if cable is not None:
                machine.run(f"echo {shlex.quote(hosts)} >> /etc/hosts")
        yield machines
    finally:
        for machine in machines:
            machine.power_off()
