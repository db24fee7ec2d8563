"""The server's configuration file: ``key = value`` lines and ``[project NAME]`` sections."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

from lgi_protocol import common_name, xml
from lgi_server.config import repository_host
from lgi_server.config import scheduler as config_scheduler
from lgi_server.config import values as kinds
from lgi_server.config.database import without_password
from lgi_server.config.model import LICENCE_NAME, Config, ProjectConfig
from lgi_server.config.repository_host import RepositoryHost
from lgi_server.config.scheduler import SchedulerSettings


class ConfigError(Exception):
    """The file cannot be used; the message names the key, the line and what to do."""


_TOP: dict[str, Callable[[str], object]] = {
    "url": kinds.url,
    "listen": kinds.listen,
    "server_certificate": Path,
    "server_key": Path,
    "ca_certificate": Path,
    "front_end_header": kinds.header,
    "front_end_secret": Path,
    "crl": Path,
    "peer_certificate": Path,
    "peer_key": Path,
    "jobs_certificate": Path,
    "jobs_key": Path,
    "job_certificate_days": kinds.positive,
    "repository": Path,
    "repository_host": repository_host.address,
    "repository_directory": repository_host.directory,
    "repository_url": kinds.url,
    "repository_ssh_key": Path,
    "repository_known_hosts": Path,
    "default_project": str,
    "require_certificate": kinds.yes_or_no,
    "open_groups": kinds.yes_or_no,
    "unrestricted_updates": kinds.yes_or_no,
    "basic_interface": kinds.yes_or_no,
    "workers": kinds.positive,
    "requests_at_once": kinds.positive,
    "longest_wait": kinds.seconds,
    "remember": kinds.seconds,
    "max_file_size": kinds.size,
    "max_post_size": kinds.size,
    "max_repository_size": kinds.size,
    "disk_reserve": kinds.size,
    "max_jobs_at_once": kinds.jobs,
    "handshake_timeout": kinds.positive,
    "keep_alive": kinds.positive,
    "admin_group": common_name.check_name,
    **config_scheduler.KEYS,
    "local_metrics": kinds.yes_or_no,
}
_PROJECT: dict[str, Callable[[str], object]] = {
    "database": kinds.database,
    "server_name": common_name.check_name,
}
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
    """Return the configuration in a file; relative paths start at its directory. Raises ConfigError."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"cannot read the server's configuration {path}: {reason}") from None
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
            projects[name] = ProjectConfig(name=name, **values)  # type: ignore[arg-type]
            self.check_database(projects, name)
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
        own = {key: self.top.pop(key) for key in config_scheduler.KEYS if key in self.top}
        scheduler = SchedulerSettings(**own)  # type: ignore[arg-type]
        parts = {"projects": projects, "remote": remote, "scheduler": scheduler, "path": self.path}
        return Config(**parts, **self.top)  # type: ignore[arg-type]

    def check_database(self, projects: dict[str, ProjectConfig], name: str) -> None:
        """Check that no two projects share a database, and so jobs, users and resources."""
        for other, project in projects.items():
            if other != name and project.database == projects[name].database:
                why = f"project {name} has the database of project {other}: each needs one of its own"
                raise self.fail(self.places[f"{name}/database"], why)

    def with_licences(self, projects: dict[str, ProjectConfig], default: str) -> dict[str, ProjectConfig]:
        """Return the projects with their licences; a section without a name is for the default project."""
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
        """Return the host that keeps the repositories: all five settings or none."""
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
        *config_scheduler.KEYS,
    }
    defaulted = {one.name for one in fields(Config) if one.default is not one.default_factory}
    return {name for name in _TOP if name not in optional | defaulted}


def _readable(path: Path) -> bool:
    try:
        with path.open("rb") as opened:
            return bool(opened.read(1))
    except OSError:
        return False
