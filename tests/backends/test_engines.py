"""Jobs in containers of docker and podman, for real, on an image made of busybox."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.applications.conftest import unpack_busybox
from tests.conftest import lacking
from tests.support.bench import Bench, until

from . import docker
from .docker import Docker

pytestmark = pytest.mark.slow

# podman as root, without systemd, where both kinds of cgroups are mounted and no limit can be raised.
_PODMAN = """\
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
"""
_STORAGE = '[storage]\ndriver = "overlay"\ngraphroot = "{directory}/graph"\nrunroot = "{directory}/run"\n'


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tar file of an image."""
    if shutil.which("busybox") is None:
        lacking("busybox")
    root = tmp_path_factory.mktemp("image")
    unpack_busybox(root / "root")
    return docker.pack(root / "root", root / "image.tar")


@pytest.fixture(scope="module")
def dockerd(image: Path) -> Iterator[str]:
    """The settings of an administrator with docker."""
    if docker.missing():
        lacking(docker.missing())
    daemon = Docker()
    try:
        daemon.start()
        daemon.call("import", image, "lgi/busybox:1.0")
        yield f"container=docker\nexport DOCKER_HOST={daemon.address}\n"
    finally:
        daemon.remove()


@pytest.fixture(scope="module")
def podman(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The settings of an administrator with podman."""
    if os.geteuid() != 0 or shutil.which("podman") is None or shutil.which("runc", path=docker.PATH) is None:
        lacking("podman with runc, as root")
    directory = tmp_path_factory.mktemp("podman")
    (directory / "containers.conf").write_text(_PODMAN)
    (directory / "storage.conf").write_text(_STORAGE.format(directory=directory))
    variables = {
        "CONTAINERS_CONF": str(directory / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(directory / "storage.conf"),
    }
    environment = {"PATH": docker.PATH, "HOME": str(directory), **variables}
    command = ["podman", "import", image, "lgi/busybox:1.0"]
    subprocess.run(command, env=environment, capture_output=True, check=True)
    exports = " ".join(f"{name}={value}" for name, value in variables.items())
    yield f"container=podman\nimages=localhost\nexport {exports}\nPATH=$PATH:/usr/sbin\n"
    subprocess.run(["podman", "rm", "--all", "--force"], env=environment, capture_output=True, check=False)
    subprocess.run(["umount", directory / "graph" / "overlay"], capture_output=True, check=False)


@pytest.fixture(params=["dockerd", "podman"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine's settings."""
    found: str = request.getfixturevalue(request.param)
    return f"backend=process\nstage=no\nmax_memory=500\n{found}"


def job(engine: str, place: Path, input: str, requests: str = "", image: str = "lgi/busybox:1.0") -> Bench:
    """A job in a container."""
    specifics = f"<image> {image} </image> {requests}"
    return Bench(place, engine, input.encode(), specifics, reference=os.urandom(16).hex().upper())


def test_a_job_runs_in_its_image_at_rundir(engine: str, place: Path) -> None:
    """What it makes there is in the job's directory; exit code, streams and cores come back."""
    done = job(engine, place, "pwd; cat /etc/image; echo $OMP_NUM_THREADS > cores; echo oops >&2; exit 5")

    output = done.finish()

    assert output == "/rundir\nbusybox 1.0\n[LGI: standard error]\noops\n[LGI: exit code 5]\n"
    assert (done.directory / "cores").read_text() == "1\n"


def test_the_marks_of_the_scripts_and_the_network_are_out_of_the_reach_of_a_job(
    engine: str, place: Path
) -> None:
    """The marks are elsewhere; there is loopback alone."""
    done = job(
        engine,
        place,
        "ls .LGI_job; ls /sys/class/net; find / -name process -path '*state*'; ls /none; exit 6",
    )

    output = done.finish()

    assert output.startswith("input\nlo\n[LGI: standard error]\n")
    assert output.endswith("[LGI: exit code 6]\n")


def test_the_memory_of_a_container_is_limited(engine: str, place: Path) -> None:
    """A job that takes more than it asked for is killed."""
    done = job(engine, place, "dd if=/dev/zero of=/dev/null bs=100M count=1", "<memory> 32 </memory>")

    assert done.finish().endswith("[LGI: exit code 137]\n")


def test_an_abort_ends_the_container_too(engine: str, place: Path) -> None:
    """It does not die with the command that started it."""
    running = job(engine, place, "trap '' TERM; echo begun > begun; while :; do sleep 97531; done")
    running.begin()
    until((running.directory / "begun").exists)

    assert running.ask("job_abort") == 0

    until(lambda: not alive("97531"))


def test_a_container_that_lost_its_command_is_ended_with_its_job(engine: str, place: Path) -> None:
    """The command is killed: the job is over, and so is what it has started."""
    running = job(engine, place, "echo begun > begun; sleep 86420")
    run = running.begin()
    until((running.directory / "begun").exists)

    os.killpg(run.pid, 9)
    until(lambda: running.state() == "finished")

    until(lambda: not alive("86420"))


def test_an_image_that_is_not_there_is_not_fetched(engine: str, place: Path) -> None:
    """The user reads what the engine says."""
    output = job(engine, place, "true", image="lgi/nothing:1.0").finish()

    assert output.endswith("[LGI: exit code 125]\n")
    assert "lgi/nothing:1.0" in output


def alive(word: str) -> list[str]:
    """Command lines with a word, of processes that run."""
    listed = subprocess.run(["ps", "-eo", "stat=,args="], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if f"sleep {word}" in line and not line.startswith("Z")]
