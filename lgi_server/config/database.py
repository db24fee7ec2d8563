"""The address of a project's database, as the configuration has it in one line."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

PORT = 3306

Host = tuple[str, int]


@dataclass(frozen=True)
class SQLiteAddress:
    """A database file."""

    path: Path


@dataclass(frozen=True)
class MariaDBAddress:
    """A database on a server, or on the nodes of a cluster; ``hosts`` are in the order they are preferred."""

    name: str
    user: str
    password: str
    hosts: tuple[Host, ...]
    socket: str = ""


def parse_address(url: str) -> SQLiteAddress | MariaDBAddress:
    """``sqlite:PATH`` or ``mariadb://user:password@host:port/name?socket=PATH``, else ValueError.

    Several hosts, with commas, are nodes of one cluster. Raises OSError for a ``password_file`` that cannot
    be read.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        path = unquote(parts.path)
        if parts.netloc or not path:
            raise ValueError(f"{url!r} is not sqlite:PATH")
        return SQLiteAddress(Path(path))
    if parts.scheme == "mariadb":
        return _mariadb(parts)
    raise ValueError(f"{url!r} starts neither with sqlite: nor with mariadb://")


def _mariadb(parts: SplitResult) -> MariaDBAddress:
    name = unquote(parts.path.strip("/"))
    options = dict(parse_qsl(parts.query))
    unknown = set(options) - {"socket", "password_file"}
    if not name or unknown:
        raise ValueError("a mariadb:// address needs a database name and knows ?socket= and &password_file=")
    password = unquote(parts.password or "")
    if "password_file" in options:
        password = Path(options["password_file"]).read_text().strip()
    return MariaDBAddress(
        name=name,
        user=unquote(parts.username or ""),
        password=password,
        hosts=parse_hosts(parts.netloc.rpartition("@")[2]),
        socket=options.get("socket", ""),
    )


def parse_hosts(text: str) -> tuple[Host, ...]:
    """``host:port, ...`` as in an address; ValueError for a port that is none."""
    return tuple(_host(part.strip()) for part in text.split(","))


def _host(text: str) -> Host:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "localhost", parts.port or PORT


def without_password(address: str) -> str:
    """Return an address as it may be shown."""
    return re.sub(r"(?<=:)[^:@/]+(?=@)", "...", address)
