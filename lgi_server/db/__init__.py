"""The databases a project can live in, chosen by one line of the configuration."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from lgi_server.db.database import Database
from lgi_server.db.failover import Hosts
from lgi_server.db.mariadb import MariaDB
from lgi_server.db.sqlite import SQLite


def open_database(url: str) -> Database:
    """``sqlite:PATH`` or ``mariadb://user:password@host:port/name?socket=PATH``, else ValueError.

    Several hosts, with commas, are nodes of one cluster: the first that answers is used.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        path = unquote(parts.path)
        if parts.netloc or not path:
            raise ValueError(f"{url!r} is not sqlite:PATH")
        # SQLite has one writer at a time; more connections would only wait for one another.
        return Database(SQLite(Path(path)), size=4)
    if parts.scheme == "mariadb":
        return Database(_mariadb(url))
    raise ValueError(f"{url!r} starts neither with sqlite: nor with mariadb://")


def _mariadb(url: str) -> MariaDB:
    parts = urlsplit(url)
    name = unquote(parts.path.strip("/"))
    options = dict(parse_qsl(parts.query))
    unknown = set(options) - {"socket", "password_file"}
    if not name or unknown:
        raise ValueError("a mariadb:// address needs a database name and knows ?socket= and &password_file=")
    password = unquote(parts.password or "")
    if "password_file" in options:
        password = Path(options["password_file"]).read_text().strip()
    return MariaDB(
        name=name,
        user=unquote(parts.username or ""),
        password=password,
        hosts=Hosts(parts.netloc.rpartition("@")[2]),
        socket=options.get("socket", ""),
    )


def without_password(address: str) -> str:
    """An address as it may be shown."""
    return re.sub(r"(?<=:)[^:@/]+(?=@)", "...", address)
