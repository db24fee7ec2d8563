"""The eight commands of README.md, from two bare machines to the job of a second person."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packages import readme
from tests.packages.chroot import ROOT
from tests.packages.conftest import Build
from tests.packages.machine import Machine, pair

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
# What a machine of someone who clones has already.
NEEDED = ("git", "python3-venv")
# The packages of a machine without server and daemon.
OF_USERS = ("lgi-python_", "lgi-cli_")
# Of the processes of the server.
ACCOUNTS = "stat -c %U $(dirname $(grep -lx LGI_server /proc/[0-9]*/comm)) | sort -u"


@pytest.fixture
def machines(release: str, tmp_path: Path) -> Iterator[tuple[Machine, Machine]]:
    """Two bare machines; anna has an account on hers."""
    with pair(release, tmp_path) as (server, desk):
        desk.run(f"useradd --create-home {readme.USER}")
        yield server, desk


def add_repository(machine: Machine) -> None:
    """Give a machine this repository, and the programs that README.md requires for its commands."""
    machine.chroot.run("apt-get update -q", network=True)
    machine.chroot.install(*NEEDED)
    target = machine.chroot.path / "repository"
    subprocess.run(["git", "clone", "-q", "--bare", ROOT, target], check=True)


def install(machine: Machine, lines: list[str]) -> None:
    """Type the commands of an installation as root, in his home, with the network of this machine."""
    for line in lines:
        machine.chroot.run(f"cd; {line}", network=True, timeout=1200)


@pytest.mark.parametrize("way", ["clone", "packages"])
def test_eight_commands_lead_from_two_bare_machines_to_the_job_of_a_second_person(
    way: str, machines: tuple[Machine, Machine], request: pytest.FixtureRequest
) -> None:
    """Two on each install LGI, two set the project up, two are Anna's. The server is not root's."""
    on_server, on_desk = readme.on_server(), readme.on_desk()
    assert len(on_server + on_desk) == 8
    server, desk = machines
    if way == "packages":
        on_server[:2], on_desk[:2] = readme.of_packages(), readme.of_packages()
        build: Build = request.getfixturevalue("build")
        built = build("build_deb.sh", 1)
        server.chroot.copy(built, "/root")
        desk.chroot.copy([path for path in built if path.name.startswith(OF_USERS)], "/root")
    else:
        for machine in machines:
            add_repository(machine)
        for block in (on_server, on_desk):
            block[0] = block[0].replace("<this repository>", "/repository")

    install(server, on_server[:2])
    install(desk, on_desk[:2])
    printed = readme.work(server, desk)

    assert printed.splitlines()[-1] == readme.SERVER
    assert server.run(ACCOUNTS) == "lgi\n"
