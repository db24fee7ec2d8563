"""A machine of its own, as far as packages are concerned: a chroot that debootstrap makes."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Made once; `make clean` removes it.
CACHE = ROOT / "build" / "chroots"
MIRROR = os.environ.get("MIRROR", "http://deb.debian.org/debian")
# What a chroot needs before a program runs in it.
MOUNTS = """
ip link set lo up
mount -t proc proc "$1/proc"
mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
"""
RUN = 'exec chroot "$1" sh -eu -c "$2"'
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}
GENTLE = ["nice", "-n", os.environ.get("NICE", "10")]


@dataclass(frozen=True)
class Chroot:
    """The directory of a chroot."""

    path: Path

    def run(self, script: str, *, network: bool = False, timeout: int = 300) -> str:
        """Return what a script of the shell prints in the chroot; without a network but for localhost."""
        proxies = {name: text for name, text in os.environ.items() if name.endswith("_proxy")}
        command = entered(self.path, RUN, script, spaces=() if network else ("--net",))
        return output_of([*GENTLE, *command], script, timeout=timeout, env=ENVIRONMENT | proxies)

    def install(self, *packages: str) -> None:
        """Install packages of Debian, or files of packages with what they need."""
        words = " ".join(packages)
        self.run(f"apt-get install -y -q --no-install-recommends {words}", network=True, timeout=900)

    def copy(self, files: list[Path], directory: str) -> None:
        """Copy files into a directory of the chroot."""
        target = self.path / directory.lstrip("/")
        target.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, target)


def entered(root: Path, script: str, *words: str, spaces: Sequence[str] = ()) -> list[str]:
    """Return the command that runs a script for a chroot, $1, with further words.

    It runs in name spaces of its own, and in further ones: whatever it starts or mounts ends with it.
    """
    names = ("--mount", "--pid", "--fork", "--kill-child", *spaces)
    return ["unshare", *names, "sh", "-eu", "-c", f"{MOUNTS}\n{script}", "sh", str(root), *words]


def output_of(
    command: Sequence[str], what: str, *, timeout: float, env: Mapping[str, str] | None = None
) -> str:
    """Return what a command prints, errors too; AssertionError, with ``what``, unless it exits with 0."""
    done = subprocess.run(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{what}\n{done.stdout[-6000:]}\nstatus {done.returncode}"
    return done.stdout


@contextmanager
def chroot(release: str, directory: Path, archive: Path | None = None) -> Iterator[Chroot]:
    """Make a chroot of a release of Debian, or of the archive of another system; remove it at the end."""
    path = directory / release
    path.mkdir()
    try:
        system = archive or base(release)
        subprocess.run([*GENTLE, "tar", "-C", path, "--numeric-owner", "-xf", system], check=True)
        (path / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
        for file in ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt"):
            shutil.copy(file, path / file[1:])
        yield Chroot(path)
    finally:
        # Python's own function would follow what a program may have mounted there.
        subprocess.run(["rm", "-rf", "--one-file-system", path], check=True)


def base(release: str) -> Path:
    """Return the archive of a small system of a release, which debootstrap makes the first time."""
    archive = CACHE / f"{release}.tar"
    if not archive.exists():
        made = CACHE / f"{release}.making"
        subprocess.run(["rm", "-rf", "--one-file-system", made], check=True)
        made.mkdir(parents=True)
        options = ["--variant=minbase", "--include=ca-certificates"]
        subprocess.run([*GENTLE, "debootstrap", *options, release, made, MIRROR], check=True, timeout=1800)
        part = archive.with_suffix(".part")
        subprocess.run([*GENTLE, "tar", "-C", made, "--numeric-owner", "-cf", part, "."], check=True)
        part.rename(archive)
        subprocess.run(["rm", "-rf", "--one-file-system", made], check=True)
    return archive
