"""The server's configuration: one commented file of ``key = value`` lines and ``[project NAME]`` sections."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from urllib.parse import urlsplit

from lgi_protocol import common_name, xml
from lgi_server import repository_host, scheduler_settings
from lgi_server.databases import open_database, without_password
from lgi_server.repository_host import RepositoryHost
from lgi_server.scheduler_settings import SchedulerSettings

# How a licence may be called.
LICENCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}\Z")


class ConfigError(Exception):
    """The file cannot be used; the message names the key, the line and what to do."""


@dataclass(frozen=True)
class Project:
    """One project: its name, the address of its database, this server's name in it, and its licences."""

    name: str
    database: str
    server_name: str
    licences: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """Everything the server is told. Sizes are bytes, times are seconds; paths are absolute."""

    url: str
    listen: str
    ca_certificate: Path
    repository: Path
    default_project: str
    projects: Mapping[str, Project]
    server_certificate: Path | None = None
    server_key: Path | None = None
    front_end_header: str = ""
    front_end_secret: Path | None = None
    remote: RepositoryHost | None = None
    crl: Path | None = None
    peer_certificate: Path | None = None
    peer_key: Path | None = None
    jobs_certificate: Path | None = None
    jobs_key: Path | None = None
    job_certificate_days: int = 7
    require_certificate: bool = False
    open_groups: bool = False
    unrestricted_updates: bool = False
    basic_interface: bool = True
    workers: int = 2
    requests_at_once: int = 256
    longest_wait: int = 60
    remember: int = 1
    max_file_size: int = 2**31
    max_post_size: int = 2**31
    max_repository_size: int = 2**34
    max_jobs_at_once: int = 256
    handshake_timeout: int = 10
    keep_alive: int = 75
    admin_group: str = "admin"
    scheduler: SchedulerSettings = field(default_factory=SchedulerSettings)
    local_metrics: bool = False
    path: Path = field(default=Path("/"), compare=False)

    @property
    def prefix(self) -> str:
        """The path part of the server's URL, as ``/LGI``."""
        return urlsplit(self.url).path.rstrip("/")

    @property
    def ca_certificate_url(self) -> str:
        """Where everybody may fetch the CA's certificate."""
        return f"{self.url}/certificates/ca.crt"


def _yes_or_no(text: str) -> bool:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError("write true or false")
    return words[text.lower()]


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError("write a number above 0")
    return int(text)


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 600):
        raise ValueError("write a number of seconds from 0 to 600")
    return int(text)


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1000):
        raise ValueError("write a number of jobs from 1 to 1000")
    return int(text)


def _size(text: str) -> int:
    """A number of bytes, or one with K, M or G behind it."""
    factor = {"K": 2**10, "M": 2**20, "G": 2**30}.get(text[-1:].upper(), 1)
    try:
        return _positive(text[:-1].strip() if factor > 1 else text) * factor
    except ValueError:
        raise ValueError("write a number of bytes above 0, or one with K, M or G behind it") from None


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("write an address such as https://lgi.example.org/LGI")
    return text.rstrip("/")


def _header(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", text):
        raise ValueError("write the name of a header, as X-Client-Certificate")
    return text


def _listen(text: str) -> str:
    if text.startswith("unix:/") and "," not in text:
        return text
    for address in text.split(","):
        host, _, port = address.strip().rpartition(":")
        if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
            raise ValueError(
                "write host:port, as 0.0.0.0:443 or [::]:443, several with commas, or unix:/path/of/a/socket"
            )
    return text


def _database(text: str) -> str:
    open_database(text)
    return text


_TOP: dict[str, Callable[[str], object]] = {
    "url": _url,
    "listen": _listen,
    "server_certificate": Path,
    "server_key": Path,
    "ca_certificate": Path,
    "front_end_header": _header,
    "front_end_secret": Path,
    "crl": Path,
    "peer_certificate": Path,
    "peer_key": Path,
    "jobs_certificate": Path,
    "jobs_key": Path,
    "job_certificate_days": _positive,
    "repository": Path,
    "repository_host": repository_host.address,
    "repository_directory": repository_host.directory,
    "repository_url": _url,
    "repository_ssh_key": Path,
    "repository_known_hosts": Path,
    "default_project": str,
    "require_certificate": _yes_or_no,
    "open_groups": _yes_or_no,
    "unrestricted_updates": _yes_or_no,
    "basic_interface": _yes_or_no,
    "workers": _positive,
    "requests_at_once": _positive,
    "longest_wait": _seconds,
    "remember": _seconds,
    "max_file_size": _size,
    "max_post_size": _size,
    "max_repository_size": _size,
    "max_jobs_at_once": _jobs,
    "handshake_timeout": _positive,
    "keep_alive": _positive,
    "admin_group": common_name.check_name,
    **scheduler_settings.KEYS,
    "local_metrics": _yes_or_no,
}
_PROJECT: dict[str, Callable[[str], object]] = {"database": _database, "server_name": common_name.check_name}
_FILES = (
    *("server_certificate", "server_key", "ca_certificate", "crl", "peer_certificate", "peer_key"),
    "front_end_secret",
    *("repository_ssh_key", "repository_known_hosts"),
)
_OWN_TLS = ("server_certificate", "server_key")
# The server makes these two when neither is there yet.
_JOBS = ("jobs_certificate", "jobs_key")
_REMOTE = tuple(key for key in _TOP if key.startswith("repository_"))


def load(path: Path) -> Config:
    """The configuration in a file; relative paths start at its directory. Raises ConfigError."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from None
    reader = _Reader(path.resolve())
    for number, line in enumerate(text.splitlines(), 1):
        reader.line(number, line.strip())
    return reader.config()


class _Reader:
    """Collects values line by line and knows where each came from."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.top: dict[str, object] = {}
        self.projects: dict[str, dict[str, object]] = {}
        self.places: dict[str, int] = {}
        self.section: str | None = None
        # By the name of the project; "" stands for the default project.
        self.licences: dict[str, dict[str, int]] = {}
        self.stock: dict[str, int] | None = None

    def fail(self, number: int, why: str) -> ConfigError:
        return ConfigError(f"{self.path}, line {number}: {why}")

    def line(self, number: int, line: str) -> None:
        if not line or line.startswith("#"):
            return
        if line.startswith("["):
            self.open_section(number, line)
            return
        key, equals, text = (part.strip() for part in line.partition("="))
        if not equals:
            raise self.fail(number, f"{line!r} is not 'key = value'")
        if self.stock is not None:
            self.licence(number, key, text)
            return
        known = _TOP if self.section is None else _PROJECT
        values = self.top if self.section is None else self.projects[self.section]
        if key not in known:
            raise self.fail(number, f"there is no setting {key!r} here; known are {', '.join(sorted(known))}")
        if key in values:
            raise self.fail(number, f"{key!r} is set a second time")
        try:
            if not text:
                raise ValueError("the value is empty")
            values[key] = self.resolved(known[key](text))
        except (ValueError, OSError) as error:
            raise self.fail(number, f"{key} = {without_password(text)}: {error}") from None
        self.places[key if self.section is None else f"{self.section}/{key}"] = number
        if key in _FILES and not _readable(Path(str(values[key]))):
            raise self.fail(number, f"{key} = {text}: cannot read that file")

    def licence(self, number: int, name: str, text: str) -> None:
        """One line of a section of licences."""
        assert self.stock is not None  # noqa: S101 - its section is open
        if not LICENCE_NAME.match(name):
            raise self.fail(number, f"{name!r} cannot be the name of a licence: letters, digits and _.+-")
        if name in self.stock:
            raise self.fail(number, f"{name!r} is set a second time")
        if not (text.isascii() and text.isdigit() and len(text) < 7):
            raise self.fail(number, f"{name} = {text}: write how many there are, from 0 to 999999")
        self.stock[name] = int(text)

    def open_section(self, number: int, line: str) -> None:
        word, _, name = line.strip("[]").strip().partition(" ")
        name = name.strip()
        self.stock = None
        if word == "licences" and line.endswith("]"):
            if name in self.licences:
                raise self.fail(number, f"{line} appears a second time")
            self.stock = self.licences[name] = {}
            self.places[f"licences/{name}"] = number
            return
        if word != "project" or not line.endswith("]") or not xml.is_name(name):
            why = f"{line!r} is not [project NAME], NAME being a word such as LGI, nor [licences]"
            raise self.fail(number, why)
        if name in self.projects:
            raise self.fail(number, f"project {name} appears a second time")
        self.section = name
        self.projects[name] = {}
        self.places[name] = number

    def resolved(self, value: object) -> object:
        """Relative paths start at the configuration's directory."""
        if isinstance(value, Path):
            return self.path.parent / value
        if isinstance(value, str) and value.startswith("sqlite:") and not value.startswith("sqlite:/"):
            return f"sqlite:{self.path.parent / value.removeprefix('sqlite:')}"
        return value

    def config(self) -> Config:
        for missing in _required() - set(self.top):
            raise ConfigError(f"{self.path}: the setting {missing!r} is missing")
        if not self.projects:
            raise ConfigError(f"{self.path}: there is no [project NAME] section")
        projects = {}
        for name, values in self.projects.items():
            for missing in set(_PROJECT) - set(values):
                raise self.fail(self.places[name], f"project {name} has no setting {missing!r}")
            projects[name] = Project(name=name, **values)  # type: ignore[arg-type]
        default = self.top["default_project"]
        projects = self.with_licences(projects, str(default))
        if default not in projects:
            line = self.places["default_project"]
            raise self.fail(line, f"default_project = {default}: there is no [project {default}] section")
        if not Path(str(self.top["repository"])).is_dir():
            line = self.places["repository"]
            raise self.fail(line, f"repository = {self.top['repository']}: there is no such directory")
        jobs = [key for key in _JOBS if key in self.top]
        if len(jobs) == 1:
            raise self.fail(self.places[jobs[0]], f"{jobs[0]} is set: {' and '.join(_JOBS)} go together")
        self.check_front_end()
        remote = self.remote()
        own = {key: self.top.pop(key) for key in scheduler_settings.KEYS if key in self.top}
        scheduler = SchedulerSettings(**own)  # type: ignore[arg-type]
        parts = {"projects": projects, "remote": remote, "scheduler": scheduler, "path": self.path}
        return Config(**parts, **self.top)  # type: ignore[arg-type]

    def with_licences(self, projects: dict[str, Project], default: str) -> dict[str, Project]:
        """The projects with their licences; a section without a name is for the default project."""
        for section, stock in self.licences.items():
            name, line = section or default, self.places[f"licences/{section}"]
            if name not in projects:
                raise self.fail(line, f"[licences {section}]: there is no [project {name}] section")
            if projects[name].licences:
                raise self.fail(line, f"the licences of project {name} stand in two sections")
            projects[name] = replace(projects[name], licences=stock)
        return projects

    def check_front_end(self) -> None:
        """TLS of our own needs a certificate; one spoken for us, a proof of who hands it on."""
        listen, header = str(self.top["listen"]), self.top.get("front_end_header")
        if header and not listen.startswith("unix:") and "front_end_secret" not in self.top:
            why = "anybody could write that header: listen on unix:/path, or set front_end_secret"
            raise self.fail(self.places["front_end_header"], f"front_end_header = {header}: {why}")
        if not header and listen.startswith("unix:"):
            why = "what listens there has TLS spoken for it: set front_end_header"
            raise self.fail(self.places["listen"], f"listen = {listen}: {why}")
        if not header and "front_end_secret" in self.top:
            raise self.fail(
                self.places["front_end_secret"], "front_end_secret is set, front_end_header is not"
            )
        for missing in () if header else _OWN_TLS:
            if missing not in self.top:
                raise ConfigError(f"{self.path}: the setting {missing!r} is missing")

    def remote(self) -> RepositoryHost | None:
        """The host that keeps the repositories: all five settings or none."""
        given = {key: self.top.pop(key) for key in _REMOTE if key in self.top}
        for missing in [key for key in _REMOTE if given and key not in given]:
            there = next(iter(given))
            raise self.fail(self.places[there], f"{there} is set, but the setting {missing!r} is missing")
        for key in {"repository_ssh_key", "repository_known_hosts"} & set(given):
            if not repository_host.is_plain(Path(str(given[key]))):
                why = "ssh takes no path with blanks, quotes, %, $ or a backslash"
                raise self.fail(self.places[key], f"{key} = {given[key]}: {why}")
        return RepositoryHost(*given.values()) if given else None  # type: ignore[arg-type]


def _required() -> set[str]:
    optional = {
        "crl",
        *_OWN_TLS,
        "front_end_secret",
        "peer_certificate",
        "peer_key",
        "path",
        "projects",
        *_REMOTE,
        *scheduler_settings.KEYS,
    }
    defaulted = {one.name for one in fields(Config) if one.default is not one.default_factory}
    return {name for name in _TOP if name not in optional | defaulted}


def _readable(path: Path) -> bool:
    try:
        with path.open("rb") as opened:
            return bool(opened.read(1))
    except OSError:
        return False
