"""A packed daemon: one file with LGI_daemon, the programs of LGI for jobs, and the packages they need."""

import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lgi_daemon.pilot.archive_main import unpack
from lgi_daemon.pilot.command import main
from tests.support.grid import wait_for


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file."""
    made = tmp_path_factory.mktemp("packed") / "LGI_daemon.pyz"
    # Others may write to its directory: a link there must not lead to another file.
    made.with_name("other").write_text("of others")
    made.with_name(".LGI_daemon.pyz.new").symlink_to("other")
    assert main(["--pack", str(made)]) == 0
    return made


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The variables of a machine without LGI."""
    python = Path(os.path.realpath(sys.executable)).parent
    (tmp_path / "tmp").mkdir()
    return {"PATH": f"{python}:{os.defpath}", "TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path)}


def test_a_packed_daemon_checks_a_configuration_and_leaves_no_file(
    packed: Path, file: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """Without the installation that has packed it, in any directory."""
    done = subprocess.run(
        [sys.executable, "-I", packed, "--check", file],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert f"{file} is good\n" in done.stdout
    assert "https://localhost/LGI cannot be reached" in done.stdout
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_packed_daemon_gets_the_signals_of_its_file(
    packed: Path, file: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """A batch system knows the process of the file alone; what was unpacked is removed at the end."""
    log = tmp_path / "log"
    process = subprocess.Popen(
        [sys.executable, "-I", packed, "-l", log, file], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: log.exists() and "started" in log.read_text())
        process.send_signal(signal.SIGTERM)

        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait(60)
    assert "daemon stops on SIGTERM" in log.read_text()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_daemon_is_packed_through_no_link(packed: Path) -> None:
    """The file appears at once, with its permissions, and with nothing beside it."""
    names = {one.name for one in packed.parent.iterdir()}

    assert packed.with_name("other").read_text() == "of others"
    assert names == {packed.name, "other", ".LGI_daemon.pyz.new"}
    assert packed.stat().st_mode & 0o777 == 0o755


def test_a_packed_daemon_that_is_ended_early_leaves_no_file(
    packed: Path, file: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """A batch system may end it while it is unpacked."""
    process = subprocess.Popen(
        [sys.executable, "-I", packed, file], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: list((tmp_path / "tmp").iterdir()))
        process.send_signal(signal.SIGTERM)

        process.wait(60)
    finally:
        process.kill()
        process.wait(60)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_programs_of_a_packed_daemon_run_by_a_link(packed: Path, tmp_path: Path) -> None:
    """As jobs call them, with the library of applications; a name that leaves the archive is not unpacked."""
    spoilt = tmp_path / "spoilt.pyz"
    spoilt.write_bytes(packed.read_bytes())
    with zipfile.ZipFile(spoilt, "a") as archive:
        archive.writestr("bin/../../outside", "x")
        archive.writestr("other/file", "x")
    home = tmp_path / "home"
    home.mkdir()
    unpack(spoilt, home)
    (tmp_path / "link").symlink_to(home / "bin" / "LGI_xml")

    done = subprocess.run(
        [tmp_path / "link", "a"], input="<a> 7 </a>", capture_output=True, text=True, env={}, check=False
    )

    assert (done.stdout, done.stderr) == ("7\n", "")
    assert (home / "share/lgi/applications/library/job.sh").exists()
    assert {one.name for one in tmp_path.iterdir()} == {"home", "link", "spoilt.pyz"}
    assert {one.name for one in home.iterdir()} == {"bin", "lib", "pyvenv.cfg", "share"}


def test_a_packed_daemon_has_no_file_of_a_site(packed: Path) -> None:
    """It has neither certificate nor key, and nothing of the server."""
    with zipfile.ZipFile(packed) as archive:
        names = archive.namelist()

    tops = {name.split("/")[1] for name in names if name.startswith("packages/")} - {""}
    assert {"lgi_daemon", "lgi_protocol", "lgi_tools", "click", "cryptography"} <= tops
    assert not {"lgi_server", "lxml", "flask"} & tops
    assert not [name for name in names if re.search(r"\.(key|crt|pyc)$|LGI.cfg", name)]


def test_a_packed_daemon_stays_in_the_foreground(packed: Path, environment: dict[str, str]) -> None:
    """What it has unpacked would be removed while it runs."""
    done = subprocess.run(
        [sys.executable, "-I", packed, "-d", "LGI.cfg"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "does not run in the background: leave out -d" in done.stderr
