"""A new resource joins a running project, with the commands an administrator types."""

import re
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lgi_server.db.transaction import Transaction
from lgi_server.services.project import recorded_changes
from lgi_tools.joining import registration
from lgi_tools.joining.registration import RegistrationTimeoutError
from lgi_tools.joining.tokens import Grant
from tests.support.grid import BIN, Grid, free_port, wait_for

pytestmark = pytest.mark.slow

RESOURCE = "new@cluster"
# Whose key the project has.
LATE = "late@cluster"
HELLO = Path(__file__).parents[2] / "applications" / "hello_world"


def typed(*words: object, directory: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command and what it prints."""
    program, *rest = [str(word) for word in words]
    return subprocess.run(
        [BIN / program, *rest], cwd=directory, capture_output=True, text=True, timeout=100, check=False
    )


class Listening:
    """LGI_certificates listen, as a process of its own."""

    def __init__(self, grid: Grid, *options: object) -> None:
        self.certificates = grid.people.authority.directory
        self.port = free_port()
        self.log = grid.directory / f"listener-{self.port}.log"
        words = ["--directory", self.certificates, "listen", "localhost", "--server", grid.url]
        words += ["--bind", "127.0.0.1", "--port", str(self.port), *map(str, options)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [BIN / "LGI_certificates", *words],
                stdout=log,
                stderr=log,
            )
        wait_for(lambda: "Listening" in self.log.read_text())

    def command(self) -> list[str]:
        """What LGI_certificates token prints for the resource."""
        url = f"https://localhost:{self.port}"
        words = ("token", RESOURCE, "--project", "LGI", "--url", url, "--force")
        out = typed("LGI_certificates", "--directory", self.certificates, *words).stdout
        (line,) = re.findall("^LGI_join .*$", out, re.MULTILINE)
        return shlex.split(line)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture
def clean(grid: Grid) -> Iterator[Grid]:
    """A project that does not know the resource, whose authority has no certificate of it."""
    (grid.people.authority.directory / f"{RESOURCE}.crt").unlink(missing_ok=True)
    yield grid
    grid.clear()


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that jobs under uids of their own can enter, which tmp_path is not."""
    with tempfile.TemporaryDirectory(prefix="lgi-join-") as path:
        Path(path).chmod(0o755)
        yield Path(path)


def test_a_resource_joins_with_one_command_on_each_side(clean: Grid, place: Path) -> None:
    """If the listener runs on the project server's host, one command there and one here are enough."""
    listening = Listening(clean, "--register", clean.config_file)
    try:
        joined = typed(*listening.command(), "--directory", place / "node")
    finally:
        listening.close()

    assert (joined.returncode, joined.stderr) == (0, ""), listening.log.read_text()
    assert f"Signed up     : in project LGI at {clean.url}" in joined.stdout
    configuration = place / "node" / "LGI.cfg"
    planned = typed("LGI_daemon", "--check", configuration)
    assert planned.returncode == 0, planned.stderr
    rows = clean.rows("SELECT resource_name FROM active_resources WHERE project_server = 0")
    assert [row["resource_name"] for row in rows] == [RESOURCE]


def test_a_resource_whose_batch_system_is_not_there_is_told_so_when_it_joins(
    clean: Grid, place: Path
) -> None:
    """Otherwise it would join without SLURM, and wait for jobs in silence."""
    shutil.copytree(HELLO, place / "hello")
    script = place / "hello" / "check_system_limits_script"
    script.write_text("#!/bin/sh\necho 'squeue: not found' >&2\nexit 127\n")
    listening = Listening(clean, "--register", clean.config_file)
    try:
        joined = typed(*listening.command(), "-a", place / "hello", "--directory", place / "node")
    finally:
        listening.close()

    assert (joined.returncode, joined.stderr) == (0, ""), listening.log.read_text()
    assert (
        "Warning       : no jobs of LGI/hello_world would be fetched now: check_system_limits_script exits "
        "with 127: squeue: not found\n" in joined.stdout
    )


def test_a_registration_that_did_not_end_in_time_is_repeated(
    clean: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a database that others hold; what was stored is found, and another certificate is refused."""
    issued = clean.people.resource(LATE)
    grant = Grant(LATE, ("LGI",), datetime.now(UTC))
    held, done = threading.Event(), threading.Event()

    def hold(transaction: Transaction) -> None:
        recorded_changes.check_master(transaction, clean.server_name)
        held.set()
        done.wait(100)

    with ThreadPoolExecutor(1) as pool, monkeypatch.context() as patched:
        holder = pool.submit(clean.database.run, hold)
        assert held.wait(60)
        patched.setattr(registration, "SECONDS", 2.0)
        try:
            with pytest.raises(RegistrationTimeoutError, match="did not end in 2 seconds"):
                registration.register(clean.config_file, grant, issued.certificate)
        finally:
            done.set()
        holder.result()

    before = clean.rows("SELECT MAX(version) AS version FROM updates")[0]["version"]
    again = [registration.register(clean.config_file, grant, issued.certificate) for _ in range(2)]
    other = clean.people.authority.issue_resource(LATE, force=True).certificate
    refused = registration.register(clean.config_file, grant, other)

    assert again == ["", ""]
    assert "is registered already: delete it first" in refused
    after = clean.rows("SELECT MAX(version) AS version FROM updates")[0]["version"]
    assert int(str(after)) == int(str(before)) + 1


def test_an_administrator_away_from_the_project_server_is_given_the_command(
    clean: Grid, tmp_path: Path
) -> None:
    """The command that is printed, with his own paths, is all that is missing."""
    listening = Listening(clean)
    try:
        joined = typed(*listening.command(), "--directory", "node", directory=tmp_path)
    finally:
        listening.close()
    (line,) = re.findall("^ +ManageDB .*$", joined.stdout, re.MULTILINE)
    ca = clean.people.authority.directory
    (tmp_path / "certificates").symlink_to(ca)
    (tmp_path / "server").symlink_to(clean.config_file.parent)

    done = typed(*shlex.split(line), directory=tmp_path)
    (again,) = re.findall(r"^Then +: (LGI_join --check .*)$", joined.stdout, re.MULTILINE)
    checked = typed(*shlex.split(again), directory=tmp_path)

    assert joined.returncode == 1
    assert "is not registered at the project server" in joined.stdout
    assert done.returncode == 0, done.stderr
    assert (checked.returncode, "Signed up" in checked.stdout) == (0, True), checked.stderr
