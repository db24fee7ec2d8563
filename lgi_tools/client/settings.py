"""The settings of a caller from ``~/.LGI``, a job's directory, environment variables and options."""

import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lgi_protocol.job_directory import HASHED, JOB_CERTIFICATE, DamagedFileError, JobDirectory
from lgi_protocol.value_object import value_object

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_protocol.credentials import Credentials

MAX_TEXT = 64 * 1024


class SettingsError(ValueError):
    """A setting is missing or cannot be used; the text says which and where to give it."""


@value_object
class Settings:
    """The known settings; an empty value is unknown."""

    key: str = ""
    certificate: str = ""
    ca: str = ""
    server: str = ""
    project: str = ""
    user: str = ""
    groups: str = ""
    application: str = ""
    target_resources: str = ""
    job_specifics: str = ""
    check_host: bool = True
    # Used instead of key and certificate.
    token: str = field(default="", repr=False)
    # The directory in which missing settings are searched: the one the user named, or else ~/.LGI.
    place: str = ""

    def over(self, others: "Settings") -> "Settings":
        """Return these settings, with unknown values taken from ``others``."""
        known = {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name)}
        known["check_host"] = self.check_host and others.check_host
        return replace(others, **known)

    def require(self, *names: str) -> None:
        """Raise SettingsError with advice unless the settings are known and the server is an https URL."""
        for name in names:
            if not getattr(self, name):
                raise SettingsError(
                    f"no {_MEANING[name]}: give {_ADVICE[name].format(place=self.place or '~/.LGI')}"
                )
        if "server" in names and not self.server.lower().startswith("https://"):
            advice = _ADVICE["server"].format(place=self.place or "~/.LGI")
            raise SettingsError(
                f"the project server {self.server!r} is not a URL that begins with https://: give {advice}"
            )

    def credentials(self) -> "Credentials":
        """Return the key, certificate and CA, or token and CA. Raises SettingsError for a missing one."""
        from lgi_protocol.credentials import Credentials

        self.require(*self.proofs)
        files = Path(self.key), Path(self.certificate), Path(self.ca)
        return Credentials(*files, self.check_host, self.token, self.server)

    @property
    def proofs(self) -> tuple[str, ...]:
        """The settings that prove to a server who calls: a token goes before key and certificate."""
        return ("token", "ca") if self.token else ("key", "certificate", "ca")


_MEANING = {
    "key": "private key",
    "certificate": "certificate",
    "ca": "CA certificate",
    "server": "project server",
    "user": "user name",
    "groups": "groups",
    "application": "application",
    "token": "token",
}
_ADVICE = {
    "key": "-K FILE, or put it into {place}/privatekey",
    "certificate": "-C FILE, or put it into {place}/certificate",
    "ca": "-CA FILE, or put it into {place}/ca_chain",
    "server": "-S URL, or write it into {place}/defaultserver",
    "user": "-U NAME, or write it into {place}/user",
    "groups": "-G GROUPS, or write them into {place}/groups",
    "application": "-a NAME, or write it into {place}/defaultapplication",
}
# The files of a configuration directory: of these the path is the setting, of the others the first line.
_PATHS = {"key": "privatekey", "certificate": "certificate", "ca": "ca_chain"}
_LINES = {
    "server": "defaultserver",
    "project": "defaultproject",
    "user": "user",
    "groups": "groups",
    "application": "defaultapplication",
    "target_resources": "defaulttargetresources",
    "token": "token",
}
_SPECIFICS = "defaultjobspecifics"
FILES = _PATHS | _LINES | {"job_specifics": _SPECIFICS}


def home() -> Settings:
    """Return the settings of the environment, completed from the user's ``~/.LGI``.

    Each file of ``~/.LGI`` has a variable ``LGI_`` with its name in capitals. ``LGI_CONFIG`` is a directory
    that is read before ``~/.LGI``. Raises SettingsError when it does not exist.
    """
    found = _environment()
    if named := os.environ.get("LGI_CONFIG", "").strip():
        found = found.over(replace(read_named(Path(named)), place=named))
    try:
        directory = own_directory()
    except SettingsError:
        return found
    return found.over(read_directory(directory))


def own_directory() -> Path:
    """Return the user's ``~/.LGI``. Raises SettingsError for a user without a home directory."""
    try:
        return Path(os.environ.get("HOME") or _account_home()) / ".LGI"
    except (KeyError, RuntimeError):
        raise SettingsError("there is no home directory: set HOME") from None


def _account_home() -> str:
    if sys.platform == "win32":
        return str(Path.home())
    import pwd

    return pwd.getpwuid(os.getuid()).pw_dir


def _environment() -> Settings:
    given = {name: os.environ.get(f"LGI_{file.upper()}", "").strip() for name, file in FILES.items()}
    return Settings(**given)  # type: ignore[arg-type]


def read_named(directory: Path) -> Settings:
    """Return the settings of a directory the user named. Raises SettingsError when it does not exist."""
    if not directory.is_dir():
        raise SettingsError(f"the configuration directory {directory} does not exist")
    return read_directory(directory)


def read_directory(directory: Path) -> Settings:
    """Return the settings of a configuration directory; missing files leave their values unknown.

    Raises SettingsError naming an unreadable file.
    """
    found = {name: _path(directory / file) for name, file in _PATHS.items()}
    found |= {name: _text(directory / file).partition("\n")[0].strip() for name, file in _LINES.items()}
    # XML may take several lines.
    found["job_specifics"] = _text(directory / _SPECIFICS).strip()
    return Settings(**found)  # type: ignore[arg-type]


def read_job(job: JobDirectory) -> Settings:
    """Return the settings of a job's resource, as the daemon wrote them in the job's directory."""
    return Settings(
        key=job.text("LGI_key_file"),
        certificate=job.text("LGI_certificate_file"),
        ca=job.text("LGI_ca_certificate_file"),
        server=job.text("LGI_this_project_server"),
        project=job.text("LGI_project"),
    )


def job_at(directory: Path) -> JobDirectory:
    """Return the job of a directory the user named. Raises SettingsError when it is not a job's."""
    found = JobDirectory(directory)
    try:
        for name in HASHED:
            found.read(name)
    except DamagedFileError as damaged:
        raise SettingsError(f"Directory {directory} is not a valid job directory ({damaged})") from None
    return found


def is_ours(directory: Path) -> bool:
    """Return whether only the user and root can write to a directory; Windows does not tell."""
    status = directory.stat()
    if sys.platform == "win32":
        return True
    return status.st_uid in (os.getuid(), 0) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def exposed_key(settings: Settings) -> str:
    """Return a warning when others can read the private key, otherwise an empty text."""
    if settings.token or sys.platform == "win32":
        return ""
    try:
        mode = Path(settings.key).stat().st_mode
    except OSError:
        return ""
    if not mode & (stat.S_IRGRP | stat.S_IROTH):
        return ""
    return f"warning: others can read the private key {settings.key}: chmod 600 it"


def ending(settings: Settings, now: datetime) -> list[str]:
    """Return warnings of certificates that expire within thirty days.

    A job certificate is not checked: it is always short-lived, and the daemon renews it.
    """
    from lgi_protocol import expiry

    files = [Path(settings.ca)]
    if not settings.token and Path(settings.certificate).name != JOB_CERTIFICATE:
        files.insert(0, Path(settings.certificate))
    return expiry.warnings(files, now)


def _path(file: Path) -> str:
    # A link that leads nowhere is named by what cannot use it.
    return str(file) if file.is_file() or file.is_symlink() else ""


def _text(file: Path) -> str:
    try:
        if not file.is_file():
            return ""
        with file.open("rb") as opened:
            text = opened.read(MAX_TEXT + 1)
    except OSError as error:
        raise SettingsError(f"cannot read {file}: {error.strerror}") from None
    if len(text) > MAX_TEXT:
        raise SettingsError(f"{file} is longer than {MAX_TEXT} bytes")
    # An editor may have written a byte order mark (BOM).
    return text.decode("utf-8-sig", "replace")


def with_defaults(check_host: bool = True, **given: str | Path) -> Settings:
    """Return the settings given by name, completed from the environment and ``~/.LGI``.

    Raises SettingsError when a file there cannot be used.
    """
    texts: dict[str, Any] = {name: str(value) for name, value in given.items()}
    return completed(Settings(**texts, check_host=check_host))


def completed(chosen: Settings) -> Settings:
    """Return settings completed from the environment and ``~/.LGI``; with a certificate without a token.

    Raises SettingsError when a file there cannot be used.
    """
    is_certified = bool(chosen.certificate or chosen.key)
    found = chosen.over(home())
    return replace(found, token=chosen.token) if is_certified else found


def require_arguments(chosen: Settings, arguments: Mapping[str, str], *names: str) -> None:
    """Raise ValueError unless the named settings are known.

    The text names the argument of the Python call, as listed in ``arguments``, and the file of ``~/.LGI``.
    """
    for name in names:
        if not getattr(chosen, name):
            raise ValueError(
                f"no {name} is known: give {arguments.get(name, name)}=..., or write ~/.LGI/{FILES[name]}"
            )
