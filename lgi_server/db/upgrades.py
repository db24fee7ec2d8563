"""The versions of a project's tables, and the steps from one to the next: the files of ``sql/upgrades/``.

``sql/schema.sql`` makes tables of the latest version. A database that was made before versions were counted,
and has no table ``schema_version``, is of version 1; one without tables is of version 0.
"""

import re
from dataclasses import dataclass

from lgi_server.db import schema_files
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction

FIRST = 1
_FILE = re.compile(r"(\d{3})_(\w+)\.sql")


@dataclass(frozen=True)
class Step:
    """The statements that bring a database from the version before to ``version``."""

    version: int
    title: str
    text: str


def steps() -> list[Step]:
    """Return all steps in their order; raise FileNotFoundError when they are not installed."""
    found = []
    for path in sorted((schema_files.directory() / "upgrades").iterdir()):
        if match := _FILE.fullmatch(path.name):
            found.append(Step(int(match[1]), match[2].replace("_", " "), path.read_text("utf-8")))
    return found


def latest() -> int:
    """Return the version of the tables that this program works with."""
    return max((step.version for step in steps()), default=FIRST)


def version_of(database: Database) -> int:
    """Return the version of a database; LGIError as `Database.run`."""
    columns = database.columns()
    if ("job_queue", "job_id") not in columns:
        return 0
    if ("schema_version", "version") not in columns:
        return FIRST
    return database.run(_stored_version, write=False)


def missing_steps(version: int) -> list[Step]:
    """Return the steps that a database of a version lacks."""
    return [step for step in steps() if step.version > version]


def apply(database: Database, step: Step) -> None:
    """Do one step. On SQLite all of it or nothing is done.

    MariaDB commits each change of a table by itself: a step that was interrupted is done again from its
    begin, and each of its statements allows for that.
    """
    database.create(step.text, lambda transaction: _store_version(transaction, step.version))


def _store_version(transaction: Transaction, version: int) -> None:
    # A later number stays: of an upgrade by another front end that was faster.
    transaction.run("DELETE FROM schema_version WHERE version <= %s", version)
    transaction.run("INSERT INTO schema_version (version) VALUES (%s)", version)


def _stored_version(transaction: Transaction) -> int:
    rows = transaction.rows("SELECT version FROM schema_version")
    # An interrupted step may have left no number; doing all steps again does no harm.
    return max((int(row["version"]) for row in rows), default=FIRST)
