"""Fixtures of the applications' tests."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import lacking
from tests.daemon.conftest import certificate_files
from tests.support import containers

from . import slurm
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
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if Path(os.readlink(entry)).is_relative_to(path):
                os.kill(int(entry.parent.name), signal.SIGKILL)
        except OSError:
            continue
    shutil.rmtree(path, ignore_errors=True)


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
