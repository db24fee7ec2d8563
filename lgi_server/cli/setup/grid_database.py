"""The database of a new grid: SQLite, or one made on a MariaDB server with its administrator's account."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from lgi_server.cli.setup.journal import Journal, Undo
from lgi_server.db import mariadb_account
from lgi_server.db.explanation import explained
from lgi_server.db.mariadb_account import Account
from lgi_server.db.pool import Database
from lgi_server.services.project.recorded_changes import AdministrationError

KIND = "MariaDB database"
USER = "lgi"


def prepare(
    database: str | None, administrator: str | None, project: str, directory: Path, journal: Journal
) -> str | None:
    """Return the address for the configuration; with an administrator's account the database is made first.

    None stands for SQLite's default. Raises AdministrationError, LGIError, OSError or ValueError.
    """
    if administrator is None:
        return database
    mariadb_account.administrator(administrator).close()
    address = database or _beside(administrator, project)
    account, password = mariadb_account.account_of(address)
    with _opened(administrator) as server:
        if found := server.run(partial(mariadb_account.taken, account=account), write=False):
            raise AdministrationError(
                f"MariaDB has {' and '.join(found)} already: choose other names in --database, or use them"
                " without --database-admin"
            )
        if not password:
            address, password = _with_password(address, directory.absolute() / f"{project}.password", journal)
        journal.note(KIND, json.dumps([account.user, account.host, account.database]))
        server.run(partial(mariadb_account.create, account=account, password=password))
    return address


@contextmanager
def _opened(administrator: str) -> Iterator[Database]:
    """Open a MariaDB server as its administrator; ValueError says why it cannot be used."""
    server = mariadb_account.administrator(administrator)
    try:
        with explained(mariadb_account.with_name(administrator)):
            yield server
    finally:
        server.close()


def undo(administrator: str | None) -> dict[str, Undo]:
    """Return how a database is removed that a set-up has made which failed."""
    if administrator is None:
        return {}

    def remove(name: str) -> None:
        with _opened(administrator) as server:
            server.run(partial(mariadb_account.drop, account=Account(*json.loads(name))))

    return {KIND: remove}


def _beside(administrator: str, project: str) -> str:
    """Return the address of a project's database on the server of an administrator's address."""
    parts = urlsplit(administrator)
    host = parts.netloc.rpartition("@")[2]
    query = urlencode([(name, value) for name, value in parse_qsl(parts.query) if name == "socket"], safe="/")
    user = USER if project == "LGI" else f"{USER}_{project}"
    return urlunsplit(parts._replace(netloc=f"{user}@{host}", path=f"/{quote(project)}", query=query))


def _with_password(address: str, file: Path, journal: Journal) -> tuple[str, str]:
    """Make a password in a file for its owner only; return the address that names it, and the password."""
    journal.note_paths(file.parent, file)
    file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    password = secrets.token_urlsafe(24)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(f"{password}\n")
    joined = "&" if urlsplit(address).query else "?"
    return f"{address}{joined}password_file={quote(str(file))}", password
