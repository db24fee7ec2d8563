"""Chroots, and the packages of this commit, built in them."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import lacking
from tests.packages.chroot import ROOT, Chroot, chroot

# ROOTS="bookworm": only this release.
RELEASES = os.environ.get("ROOTS", "bookworm trixie").split()
# The script of the steps of the demo, with installed programs.
JOB = ROOT / "tests" / "packages" / "job.sh"

Build = Callable[[str, int], list[Path]]


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    """Only root enters a chroot."""
    if os.geteuid() != 0:
        lacking("root")
    for program in ("debootstrap", "unshare", "ip"):
        if shutil.which(program) is None:
            lacking(program)


@pytest.fixture(scope="session", params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """A release of Debian."""
    return str(request.param)


@pytest.fixture(scope="session")
def builder(release: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chroot]:
    """A chroot with this commit in /src, and what a build needs, or adds of its own (python3-packaging)."""
    with chroot(release, tmp_path_factory.mktemp("builder")) as made:
        made.run("apt-get update -q", network=True)
        made.install("git", "python3-venv", "rpm", "python3-packaging")
        subprocess.run(["git", "clone", "-q", ROOT, made.path / "src"], check=True)
        yield made


@pytest.fixture(scope="session")
def build(builder: Chroot, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Builds the packages of a script with a number of their own, once for each number."""
    built: dict[tuple[str, int], list[Path]] = {}

    def once(script: str, number: int) -> list[Path]:
        if (script, number) not in built:
            command = f"cd /src && RELEASE={number % 10} sh specs/{script}"
            builder.run(f"git config --global safe.directory '*'; {command}", network=True, timeout=1800)
            kept = tmp_path_factory.mktemp(f"{script}{number}")
            found = [
                *(builder.path / "src").glob("build/deb/*.deb"),
                *(builder.path / "src").glob("build/rpm/RPMS/*/*.rpm"),
            ]
            built[script, number] = [Path(shutil.move(one, kept)) for one in found]
        return built[script, number]

    return once


@pytest.fixture(scope="module", params=["deb", "rpm"])
def kind(request: pytest.FixtureRequest, release: str) -> str:
    """Debian's packages on each release; the RPMs on the release whose Python they are for."""
    if request.param == "rpm" and release != "bookworm":
        pytest.skip("the RPMs are for Python 3.11")
    return str(request.param)


@pytest.fixture(scope="module")
def machine(release: str, kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chroot]:
    """A bare machine, with the script of a job in /job.sh."""
    with chroot(release, tmp_path_factory.mktemp(kind)) as made:
        made.run("apt-get update -q", network=True)
        made.copy([JOB], "/")
        yield made
