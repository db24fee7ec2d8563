"""LGI_setup check of a server that runs, or cannot: what it answers, its database, its disk, a test job."""

import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator

import pytest

from lgi_server.cli.setup import units
from tests.conftest import lacking
from tests.support.grid import BIN
from tests.support.mariadb import PrivateMariaDB
from tests.support.project_directory import ProjectDirectory

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> ProjectDirectory:
    """One for all tests, whose server does not run."""
    made = ProjectDirectory(tmp_path_factory.mktemp("project"))
    made.keep()
    return made


@pytest.fixture
def project(kept: ProjectDirectory) -> ProjectDirectory:
    """The project as LGI_setup has made it."""
    kept.renew()
    return kept


@pytest.fixture
def running(project: ProjectDirectory) -> Iterator[ProjectDirectory]:
    """A project whose server and scheduler run."""
    with project.running():
        yield project


def test_a_server_without_a_fault_passes(running: ProjectDirectory) -> None:
    """One line a topic, exit code 0, and an empty list for programs."""
    done = running.check()

    topics = ("configuration", "certificates", "address", "database", "files")
    assert done.stdout == "".join(f"ok      {topic}\n" for topic in topics)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(running.check("--json").stdout) == []


def test_a_warning_alone_is_exit_code_1(running: ProjectDirectory) -> None:
    """So that a monitor can tell it from an error; the list for programs has its parts."""
    (running.config.parent / "LGI.sqlite").chmod(0o644)

    done = running.check("--json")

    (finding,) = json.loads(done.stdout)
    assert (done.returncode, finding["topic"], finding["level"]) == (1, "files", "warning")
    assert finding["remedy"] == f"chmod 600 {running.config.parent / 'LGI.sqlite'}"


def test_a_server_that_does_not_run_is_found(project: ProjectDirectory) -> None:
    """It and its scheduler are two lines; systemctl is not named where systemd has no unit of it."""
    done = project.check()

    assert f"ERROR   address: no server listens on 127.0.0.1:{project.port}; start it" in done.stdout
    assert "ERROR   database: project LGI: no scheduler has run yet" in done.stdout
    assert ("systemctl status" in done.stdout) == units.is_installed()
    assert done.returncode == 2


def test_a_port_of_another_program_is_found(project: ProjectDirectory) -> None:
    """It accepts connections, but does not answer as a server of this project."""
    with socket.create_server(("127.0.0.1", project.port)) as taken:
        taken.settimeout(0.1)
        done = project.check()

    assert re.search(
        f"ERROR   address: {project.url} does not answer here: .*; does localhost lead", done.stdout
    )


def test_a_url_whose_path_is_another_is_found(running: ProjectDirectory) -> None:
    """The running server still has the former one."""
    running.config.write_text(running.config.read_text().replace("/LGI\n", "/lgi\n", 1))

    done = running.check()

    assert (
        f"ERROR   address: https://localhost:{running.port}/lgi/certificates/ca.crt answers 404; "
        in done.stdout
    )


def test_the_server_of_a_copy_is_not_taken_for_this_one(running: ProjectDirectory) -> None:
    """A restored configuration has the same address and certificate, while the first server still runs."""
    file, copy = running.directory / "backup.tar", running.directory / "copy"
    for words in (("backup", running.config, file), ("restore", file, "--into", copy)):
        subprocess.run([BIN / "LGI_setup", *words], check=True, capture_output=True)

    done = subprocess.run(
        [BIN / "LGI_setup", "check", copy / "LGI_server.cfg"], capture_output=True, text=True
    )

    assert (
        f"ERROR   address: another server answers at {running.url}: none has used the database of"
        f" {copy}/LGI_server.cfg yet; stop that one, and start this one"
    ) in done.stdout
    assert done.returncode == 2
    assert running.check().returncode == 0


def test_a_test_job_without_a_resource_is_an_error(running: ProjectDirectory) -> None:
    """The line has the server's reason."""
    done = running.check("--job", str(running.directory / "mark.LGI"))

    assert "ERROR   test job: no job of hello_world can be submitted: " in done.stdout
    assert "No resource of the project offers that application" in done.stdout


def test_a_database_server_that_is_down_is_found(
    project: ProjectDirectory, private_mariadb: PrivateMariaDB
) -> None:
    """The line has its address, without a password, and what to do."""
    address = f"mariadb://lgi:SECRET@localhost/LGI?socket={private_mariadb.socket}.away"
    text = re.sub(r"(?m)^database = .*$", f"database = {address}", project.config.read_text())
    project.config.write_text(text)

    done = project.check()

    assert re.search(
        "ERROR   database: the database mariadb://lgi:...@localhost/.* cannot be reached: ", done.stdout
    )
    assert "; is MariaDB running, and are host, port and socket right?" in done.stdout
    assert "SECRET" not in done.stdout
    assert f"WARNING files: {project.config} can be read by others" not in done.stdout


@pytest.fixture
def full_disk(project: ProjectDirectory) -> Iterator[ProjectDirectory]:
    """A project whose repository is on a disk of its own, which is full."""
    repository = project.config.parent / "repository"
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "none", repository]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        lacking("the right to mount file systems")
    try:
        (repository / "file").write_bytes(bytes(4 * 2**20 - 2**17))
        yield project
    finally:
        subprocess.run(["umount", "-l", repository], check=True)


def test_a_full_disk_is_found(full_disk: ProjectDirectory) -> None:
    """The line has the directory, what is left, and what to do."""
    done = full_disk.check()

    assert re.search(
        r"ERROR   files: the disk of .*repository has 0 MB left: uploads are refused; ", done.stdout
    )


def test_a_check_takes_the_usual_configuration_by_itself(project: ProjectDirectory) -> None:
    """That of the directory server, as LGI_setup writes it."""
    command = [BIN / "LGI_setup", "check"]
    done = subprocess.run(command, cwd=project.directory, capture_output=True, text=True, check=False)

    assert "ok      configuration\n" in done.stdout
