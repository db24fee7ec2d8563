"""The configuration of another host that has the repositories.

Everything here ends up in the arguments of ssh or in a command for the host's shell. So each value is held
to characters that mean nothing to either, once, where the administrator can read which line is at fault.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from lgi_server.config import values
from lgi_server.config.setting import setting

_ADDRESS = re.compile(
    r"(?P<user>[a-z_][a-z0-9_-]*)@(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:]+\])(?::(?P<port>[0-9]{1,5}))?\Z"
)
_DIRECTORY = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9._-]*)+\Z")
_FILE = re.compile(r"[^\x00-\x20\"'%$\\\x7f]+\Z")


@dataclass(frozen=True)
class Address:
    """The account and host to log in to."""

    user: str
    host: str
    port: int = 22

    def __str__(self) -> str:
        """As scp names an account; it has no place for a port."""
        return f"{self.user}@[{self.host}]" if ":" in self.host else f"{self.user}@{self.host}"


def parse_address(text: str) -> Address:
    """``user@host`` or ``user@host:port``; ValueError for anything else."""
    found = _ADDRESS.match(text)
    port = int(found["port"] or 22) if found else 0
    if not found or not 0 < port <= 65535:
        raise ValueError("write repo@host or repo@host:port")
    return Address(found["user"], found["host"].strip("[]"), port)


def parse_directory(text: str) -> str:
    """Return an absolute directory of letters, digits, ``.``, ``_`` and ``-``.

    ValueError for anything else.
    """
    if not _DIRECTORY.match(text.rstrip("/")):
        raise ValueError("write a directory such as /srv/repository, of letters, digits, '.', '_' and '-'")
    return text.rstrip("/")


def is_plain(path: Path) -> bool:
    """Return whether ssh takes a path in its options unchanged."""
    return bool(_FILE.match(str(path)))


@dataclass(frozen=True)
class RepositoryHost:
    """The host of the repositories: how to log in, their directory, and the URL at which it serves them."""

    address: Address = setting(parse_address, name="repository_host")
    directory: str = setting(parse_directory, name="repository_directory")
    url: str = setting(values.url, name="repository_url")
    ssh_key: Path = setting(Path, name="repository_ssh_key", is_file=True)
    known_hosts: Path = setting(Path, name="repository_known_hosts", is_file=True)
