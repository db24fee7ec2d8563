"""The files that a server's configuration names, and where each is in a backup."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from lgi_server.config import document, flat_form, section_reader, source
from lgi_server.config.model import Config
from lgi_server.config.sections import SECTIONS
from lgi_server.config.setting import settings_of
from lgi_server.config.source import ConfigError
from lgi_server.services.backup.names import SERVER

# The key of an authority stands beside its certificate under this name, as LGI_certificates makes it.
AUTHORITY_KEY = "ca.key"
# In the directory of an authority: tokens that were given out, and replaced certificates.
_SUBDIRECTORIES = ("tokens", "former")
# There too: an enrolment secret, which a restored backup would make good again after its end.
_ENROLMENT = "enrolment_secret.json"
_CERTIFICATES = f"{SERVER}/certificates"


@dataclass(frozen=True)
class ServerFiles:
    """The files by their names in the backup; and the settings that name them, by section and setting."""

    files: Mapping[str, Path]
    settings: Mapping[str, Mapping[str, str]]
    with_authority: bool


def collect(config: Config) -> ServerFiles:
    """Return the files of a configuration; ConfigError for one without sections."""
    authority = config.ca_certificate.parent
    has_authority = (authority / AUTHORITY_KEY).is_file()
    files = dict(_authority_files(authority)) if has_authority else {}
    settings: dict[str, dict[str, str]] = {}
    for section, name, path in _named(config.path):
        if has_authority and path.parent == authority:
            stored = f"{_CERTIFICATES}/{path.name}"
        else:
            stored = f"{SERVER}/files/{name}/{path.name}"
        # A revocation list may not have been made yet.
        settings.setdefault(section, {})[name] = stored
        if path.is_file():
            files[stored] = path
    return ServerFiles(files, settings, has_authority)


def _authority_files(authority: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of an authority: key, what it has issued, tokens of one resource or user."""
    for directory in (authority, *(authority / name for name in _SUBDIRECTORIES)):
        if directory.is_dir() and not directory.is_symlink():
            for path in sorted(directory.iterdir()):
                if path.is_file() and not path.is_symlink() and path.name != _ENROLMENT:
                    yield f"{_CERTIFICATES}/{path.relative_to(authority)}", path


def _named(configuration: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield section, setting and file of each setting that names a file; directories are left out."""
    lines = source.read(configuration)
    if flat_form.is_flat(lines):
        raise ConfigError(f"{configuration} has no sections yet: run LGI_setup convert {configuration}")
    found = document.parse(configuration, lines)
    for section, kind in SECTIONS.items():
        if found.sections.get(section):
            known = {one.attribute: name for name, one in settings_of(kind).items()}
            for attribute, value in section_reader.values(found, section, kind).items():
                if isinstance(value, Path) and not value.is_dir() and known[attribute] != "repository":
                    yield section, known[attribute], value


def password_file(address: str) -> Path | None:
    """Return the file of the password that the address of a database names, None without one."""
    named = dict(parse_qsl(urlsplit(address).query)).get("password_file")
    return Path(named) if named and address.startswith("mariadb:") else None


def with_settings(text: str, settings: Mapping[str, Mapping[str, str]]) -> str:
    """Return the text of a configuration with other values of some settings, by section and name."""
    section, lines = "", list[str]()
    for text_line in text.splitlines():
        line = source.Line(0, text_line.strip())
        if line.section is not None:
            section = line.section
        value = settings.get(section, {}).get(line.setting) if line.setting else None
        lines.append(text_line if value is None else f"{line.setting} = {value}")
    return "\n".join(lines) + "\n"
