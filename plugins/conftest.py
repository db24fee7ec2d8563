"""Fixtures of the tests of plugins: a project server, a daemon that runs commands, a home of a user.

They come once for a run. `make test-plugins` loads the fixtures of `tests/conftest.py` beside these.
"""

import os
import pwd
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lgi_tools import Project
from lgi_tools.certificates import user_directory
from lgi_tools.client.token_calls import create_token, revoke_tokens
from tests.acceptance.conftest import signed_up
from tests.applications.test_whole_jobs import CommandDaemon
from tests.support.grid import BIN, PROJECT, Grid

USER = "mark@laptop"
# Under root jobs and the user have one account, which has a name: engines ask for it.
IS_ROOT = os.geteuid() == 0
UID = pwd.getpwnam("nobody").pw_uid


class EngineDaemon(CommandDaemon):
    """A daemon that runs commands with their files, and in directories below ``shared``."""

    def __init__(self, grid: Grid, shared: Path) -> None:
        self.shared = shared
        super().__init__(grid, "process")

    def configure(self) -> None:
        """Stage files, which the tests of back-ends leave out."""
        super().configure()
        script = self.directory / "script"
        script.write_text(script.read_text().replace("stage=no\n", ""))
        # Jobs do not see the directory of LGI's programs.
        python = self.directory / "bin" / "python"
        python.parent.mkdir(exist_ok=True)
        python.write_text(f'#!/bin/sh\nexec {BIN / "python"} "$@"\n')
        python.chmod(0o755)

    def command(self) -> list[str | Path]:
        """Start it with a path by which jobs find Python with the engines."""
        return ["env", f"PATH={self.directory / 'bin'}:{os.environ['PATH']}", *super().command()]

    def tags(self) -> str:
        """Return the tags of a daemon whose jobs have the account of the tests, in the shared directory."""
        account = f"<job_sandbox_uid> {UID} </job_sandbox_uid> " if IS_ROOT else ""
        return f"{account}<shared_directories> {self.shared} </shared_directories> "


@pytest.fixture(scope="session")
def database_address() -> str:
    """Of an embedded database: what engines do differs on none."""
    return "sqlite:LGI.sqlite"


@pytest.fixture(scope="session")
def shared_directory() -> Iterator[Path]:
    """A directory in which jobs may run, as on a file system that users and resources share."""
    with tempfile.TemporaryDirectory(prefix="lgi-shared-") as name:
        if IS_ROOT:
            os.chown(name, UID, UID)
        yield Path(name).resolve()


@pytest.fixture(scope="session")
def engine_daemon(running_grid: Grid, shared_directory: Path) -> Iterator[EngineDaemon]:
    """A daemon that runs commands, for all tests of a plugin."""
    running_grid.clear()
    with signed_up(EngineDaemon(running_grid, shared_directory)) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def engine_grid(engine_daemon: EngineDaemon) -> Grid:
    """A project with that daemon."""
    return engine_daemon.grid


@pytest.fixture(scope="session")
def project_home(engine_grid: Grid, shared_directory: Path) -> Path:
    """A home directory whose ~/.LGI is of this project."""
    home = shared_directory / "home"
    home.mkdir()
    people = engine_grid.people
    user_directory.write(
        home / ".LGI",
        people.user(USER, ("theor",)),
        people.authority.ca_file,
        user=USER,
        groups=("theor",),
        server=engine_grid.url,
        project=PROJECT,
    )
    if IS_ROOT:
        for path in (home, *home.rglob("*")):
            os.chown(path, UID, UID)
    return home


@pytest.fixture
def user_project(project_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """The project as that user has it, in this process, whose programs find it as well."""
    for name in [name for name in os.environ if name.startswith("LGI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(project_home))
    monkeypatch.setenv("PATH", f"{BIN}:{os.environ['PATH']}")
    with Project() as project:
        yield project


@pytest.fixture
def token_project(user_project: Project) -> Iterator[tuple[Project, Callable[[], object]]]:
    """The project as a program with a token has it, and what revokes the token."""
    token = create_token(user_project.call, user_project.server, ["submit"])
    with Project(token=token.text) as project:
        yield project, partial(revoke_tokens, user_project.call, user_project.server, [token.token_id])


@pytest.fixture
def user_process(project_home: Path, shared_directory: Path) -> dict[str, Any]:
    """The arguments with which subprocess starts a program of the user: account, environment, directory.

    The directory is one that user and jobs share, empty at first for each test.
    """
    directory = Path(tempfile.mkdtemp(prefix="work-", dir=shared_directory))
    environment = {"HOME": str(project_home), "PATH": f"{BIN}:{os.environ['PATH']}", "LANG": "C.UTF-8"}
    # As a shell has it; some engines ask for it.
    environment["USER"] = "mark"
    # Programs that a test kills leave files there.
    temporary = shared_directory / "tmp"
    temporary.mkdir(exist_ok=True)
    temporary.chmod(0o1777)
    environment["TMPDIR"] = str(temporary)
    if not IS_ROOT:
        return {"env": environment, "cwd": directory}
    os.chown(directory, UID, UID)
    return {"env": environment, "cwd": directory, "user": UID, "group": UID, "extra_groups": ()}
