"""The options of LGI_setup grid: from the command line, a file of answers, or questions at a terminal."""

import getpass
import os
import socket
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

import click

from lgi_server.config.source import Line
from lgi_server.services.project.recorded_changes import AdministrationError

LISTS = ("also", "application")
FLAGS = ("start",)
# Where the packages have configuration and data.
PACKAGED, PACKAGED_DATA = Path("/etc/lgi"), Path("/var/lib/lgi/server")


@dataclass(frozen=True, kw_only=True)
class GridOptions:
    """What is to be made, and where."""

    url: str
    directory: Path
    project: str
    admin: str
    also: tuple[str, ...]
    listen: str | None
    database: str | None
    database_admin: str | None
    data: Path | None
    # The account that runs the server.
    user: str
    units: Path | None
    start: bool
    # The first resource, on this machine; None for none.
    resource: str | None
    application: tuple[str, ...]
    join_port: int

    @property
    def is_packaged(self) -> bool:
        """Whether the grid is where the packages' units look for it."""
        return self.directory.absolute() == PACKAGED

    @property
    def certificates(self) -> Path:
        """The directory of the authority."""
        return self.directory / "certificates"

    @property
    def server(self) -> Path:
        """The directory of the server's configuration."""
        return self.directory / "server"

    @property
    def admin_directory(self) -> Path:
        """The first administrator's directory, like ~/.LGI."""
        return self.directory / f"{self.admin.partition('@')[0]}.LGI"

    @property
    def resource_directory(self) -> Path:
        """The directory of the first resource's daemon."""
        name = "daemon" if self.is_packaged else (self.resource or "").partition("@")[0]
        return self.directory / name


def read_answers(path: Path, known: Collection[str]) -> Mapping[str, object]:
    """Return the answers in a file of ``option = value`` lines; AdministrationError or OSError."""
    answers: dict[str, object] = {}
    for number, text in enumerate(path.read_text("utf-8-sig").splitlines(), 1):
        if not text.strip() or text.strip()[0] in "#;":
            continue
        line = Line(number, text.strip())
        name = line.setting.removeprefix("--").replace("-", "_")
        if name not in known:
            raise AdministrationError(f"{path}, line {number}: {_unknown(line, name, known)}")
        if name in answers:
            raise AdministrationError(f"{path}, line {number}: {name} is answered a second time")
        value = line.text.partition("=")[2].strip()
        answers[name] = [one.strip() for one in value.split(",")] if name in LISTS else value
    return answers


def _unknown(line: Line, name: str, known: Collection[str]) -> str:
    if not name:
        return f"{line.text!r} is not 'option = value'"
    shown = [one.replace("_", "-") for one in known]
    close = get_close_matches(name.replace("_", "-"), shown, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(shown))}"
    return f"there is no option {line.setting!r}; {hint}"


def default_admin() -> str:
    """Return the name of the first administrator when none is given: this account on this machine."""
    try:
        name = getpass.getuser()
    except KeyError:
        # A number without a name, as in containers.
        name = f"uid{os.getuid()}"
    return f"{name}@{socket.gethostname().partition('.')[0]}"


def ask(given: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the options that a person at a terminal is asked for; AdministrationError without a terminal."""
    if not sys.stdin.isatty():
        raise AdministrationError("give the server's address: --url https://lgi.example.org/LGI")
    host = socket.getfqdn()
    asked = dict(given)
    asked["url"] = click.prompt("Address of the server", default=f"https://{host}:8443/LGI", err=True)
    asked["project"] = click.prompt("Name of the project", default=given["project"], err=True)
    name = given["admin"] or default_admin()
    asked["admin"] = click.prompt("Name of the first administrator", default=name, err=True)
    shown = given["database"] or f"sqlite:{asked['project']}.sqlite"
    asked["database"] = click.prompt("Database", default=shown, err=True)
    return asked


def check_url(url: str) -> None:
    """Raise AdministrationError for an address without a path, which clients would not find."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname and not parts.path.strip("/"):
        raise AdministrationError(f"--url {url} has no path: write {url.rstrip('/')}/LGI")
