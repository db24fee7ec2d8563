"""A dockerd for tests: private directories and socket, no network."""

import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from tests.support.bench import until

PATH = f"{os.environ['PATH']}:/usr/sbin"


def missing() -> str:
    """What this machine lacks, empty when nothing."""
    if os.geteuid() != 0:
        return "root, to start dockerd"
    lacking = [
        program for program in ("dockerd", "docker", "busybox") if shutil.which(program, path=PATH) is None
    ]
    return ", ".join(lacking)


def pack(root: Path, target: Path) -> Path:
    """An unpacked image as a tar file to import."""
    with tarfile.open(target, "w") as tar:
        tar.add(root, arcname=".")
    return target


class Docker:
    """The daemon of docker."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="lgi-docker-", dir="/var/tmp"))
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where its command finds it."""
        return f"unix://{self.directory}/socket"

    def start(self) -> None:
        """It answers when this returns."""
        names = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
        places = [f"--{option}={self.directory / name}" for option, name in names.items()]
        quiet = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"]
        kind = ["--storage-driver=overlay2", "--exec-opt=native.cgroupdriver=cgroupfs"]
        command = ["dockerd", f"--host={self.address}", *places, *quiet, *kind]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(command, env={"PATH": PATH}, stdout=log, stderr=log)
        until(lambda: self.call("version", check=False) == 0)

    def call(self, *words: object, check: bool = True) -> int:
        """The exit code of a docker command."""
        command = ["docker", *map(str, words)]
        environment = {"PATH": PATH, "DOCKER_HOST": self.address, "HOME": str(self.directory)}
        return subprocess.run(
            command, env=environment, capture_output=True, timeout=60, check=check
        ).returncode

    def remove(self) -> None:
        """End it and what it has mounted."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
        subprocess.run(["umount", self.directory / "data"], capture_output=True, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
