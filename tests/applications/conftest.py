"""Fixtures of the applications' tests."""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import lacking
from tests.daemon.conftest import certificate_files
from tests.support import containers
from tests.support.grid import wait_for

from . import shims, slurm
from .slurm import Slurm

__all__ = ["certificate_files"]


@pytest.fixture(scope="session")
def database_address() -> str:
    """The embedded one alone: to an application it makes no difference."""
    return "sqlite:LGI.sqlite"


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that others can enter, with a blank and a quote in its name; what runs in it is ended."""
    path = Path(tempfile.mkdtemp(prefix="lgi's jobs "))
    path.chmod(0o755)
    yield path
    wait_for(lambda: not ended_in(path))
    shutil.rmtree(path, ignore_errors=True)


def ended_in(path: Path) -> list[str]:
    """The processes that work in a directory, each of which is killed."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if Path(os.readlink(entry)).is_relative_to(path):
                found.append(entry.parent.name)
                os.kill(int(entry.parent.name), signal.SIGKILL)
    return found


@pytest.fixture
def answers_alone() -> Iterator[None]:
    """The cached answers of batch systems, which all jobs of a user share, are of this test alone.

    Tests of other files run at the same time, and each removes them.
    """
    with Path(shims.__file__).open() as shared:
        fcntl.flock(shared, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def running_slurm() -> Iterator[Slurm]:
    """One cluster for the whole run."""
    if slurm.missing():
        lacking(slurm.missing())
    cluster = Slurm()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture(scope="session")
def images() -> Iterator[Path]:
    """A directory with one unpacked image, lgi/busybox:1.0."""
    if shutil.which("busybox") is None:
        lacking("busybox")
    if what := containers.missing():
        lacking(what)
    path = Path(tempfile.mkdtemp(prefix="lgi-images-"))
    path.chmod(0o755)
    root = path / "lgi" / "busybox" / "1.0"
    unpack_busybox(root)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def unpack_busybox(root: Path) -> None:
    """The smallest image that has a shell: one static program under many names."""
    for name in ("bin", "etc", "usr"):
        (root / name).mkdir(parents=True)
    busybox = shutil.which("busybox")
    assert busybox is not None
    shutil.copy(busybox, root / "bin" / "busybox")
    names = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for name in set(names) - {"busybox"}:
        (root / "bin" / name).symlink_to("busybox")
    (root / "etc" / "image").write_text("busybox 1.0\n")
    (root / "usr" / "bin").symlink_to("../bin")
