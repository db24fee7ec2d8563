"""A copy of a project's database, taken while it is in use."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

from lgi_server.config.database import MariaDBAddress, SQLiteAddress, parse_address

_PROGRAM = "mariadb-dump"


def save(address: str, target: Path) -> None:
    """Write a consistent copy to a file that only its owner may read, and that must not exist.

    A copy of SQLite is a database file, one of MariaDB statements for the program ``mariadb``. Raises
    FileExistsError, OSError for a file, and ValueError when the database cannot be copied.
    """
    place = parse_address(address)
    target.touch(0o600, exist_ok=False)
    try:
        if isinstance(place, SQLiteAddress):
            _copy(place.path, target)
        else:
            _dump(place, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    with target.open("rb") as written:
        os.fsync(written.fileno())


def _copy(source: Path, target: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as opened,
            closing(sqlite3.connect(target)) as copy,
        ):
            opened.backup(copy)
    except sqlite3.Error as error:
        raise ValueError(f"{source} cannot be copied: {error}") from error


def _dump(place: MariaDBAddress, target: Path) -> None:
    """Have MariaDB's own program write the copy, in one transaction that locks nobody out."""
    program = shutil.which(_PROGRAM)
    if program is None:
        raise ValueError(f"{_PROGRAM} is not installed: install MariaDB's client programs")
    with tempfile.NamedTemporaryFile("w", suffix=".cnf") as options:
        # Not on the command line, where everybody could read the password.
        options.write("\n".join(("[client]", *_options(place))))
        options.flush()
        command = [
            program,
            f"--defaults-file={options.name}",
            "--single-transaction",
            "--hex-blob",
            place.name,
        ]
        with target.open("wb") as written:
            done = subprocess.run(command, stdout=written, stderr=subprocess.PIPE, check=False)  # noqa: S603
    if done.returncode:
        raise ValueError(f"{_PROGRAM} failed: {done.stderr.decode('utf-8', 'replace').strip()[-500:]}")


def _options(place: MariaDBAddress) -> list[str]:
    """Return the lines of an option file; a backslash and a quote are escaped as MariaDB reads them."""
    named = {"user": place.user, "password": place.password}
    if place.socket:
        named["socket"] = place.socket
    elif place.hosts:
        host, port = place.hosts[0]
        named |= {"host": host, "port": str(port)}
    escaped = ((name, value.replace("\\", "\\\\").replace('"', '\\"')) for name, value in named.items())
    return [f'{name}="{value}"' for name, value in escaped]
