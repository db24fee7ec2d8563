"""The tables of a project's database, made from ``sql/schema.sql``."""

import sys
from pathlib import Path

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.database import Database, Transaction

# In a checkout, and where pip puts a package's data files.
_PLACES = (Path(__file__).parent.parent / "sql", Path(sys.prefix) / "share" / "lgi" / "sql")


def text() -> str:
    """The schema, for both kinds of database. Raises FileNotFoundError when the installation is broken."""
    for place in _PLACES:
        if (place / "schema.sql").is_file():
            return (place / "schema.sql").read_text("utf-8")
    raise FileNotFoundError(f"schema.sql is in none of {', '.join(map(str, _PLACES))}")


def make(database: Database) -> bool:
    """Make the tables unless they are there; answer whether they were made."""
    if _is_made(database):
        return False
    database.create(text())
    return True


def _is_made(database: Database) -> bool:
    def look(transaction: Transaction) -> None:
        transaction.row("SELECT job_id FROM job_queue LIMIT 1")

    try:
        database.run(look, write=False)
    except LGIError as refused:
        if refused.number == ErrorNumber.DATABASE:
            return False
        raise
    return True
