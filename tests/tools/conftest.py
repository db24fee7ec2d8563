"""A certificate authority, a server with canned answers, and a user's home with a configuration."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lgi_tools.certificates import user_directory
from lgi_tools.certificates.ca import Authority, Issued
from tests.support.canned_server import CannedServer

USER = "mark@laptop"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The CA of the tests' project."""
    return Authority.create(tmp_path_factory.mktemp("authority") / "certificates")


@pytest.fixture(scope="session")
def localhost(authority: Authority) -> Issued:
    """The server's certificate."""
    return authority.issue_server("localhost")


@pytest.fixture(scope="session")
def mark(authority: Authority) -> Issued:
    """A user's certificate."""
    return authority.issue_user(USER, ("theor",), ("LGI",))


@pytest.fixture
def server(authority: Authority, localhost: Issued) -> Iterator[CannedServer]:
    """A project server with the answers that a test sets."""
    started = CannedServer(authority, localhost)
    yield started
    started.close()


@pytest.fixture(autouse=True)
def home(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    authority: Authority,
    mark: Issued,
    request: pytest.FixtureRequest,
) -> Path:
    """A home whose .LGI leads to the canned server, a current directory of its own, and UTC."""
    url = (
        request.getfixturevalue("server").url if "server" in request.fixturenames else "https://no.where/LGI"
    )
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir(mode=0o755)
    user_directory.write(
        home / ".LGI", mark, authority.ca_file, user=USER, groups=("theor",), server=url, project="LGI"
    )
    for name in [name for name in os.environ if name.startswith("LGI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.chdir(here)
    time.tzset()
    return home


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., tuple[int, str, str]]:
    """Runs a tool's main and gives its exit code, standard output and standard error."""

    def run_tool(main: Callable[[list[str]], int], *arguments: str) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return run_tool
