"""The tables of a project's database, created from ``sql/schema.sql``."""

import logging
import sys
from pathlib import Path

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.config.database import SQLiteAddress, parse_address, without_password
from lgi_server.db import database_file, open_database, schema_check
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction

log = logging.getLogger("lgi.schema")
# So many differences of a database are named.
MOST_SHOWN = 10

# In a checkout, and where pip puts a package's data files.
_PLACES = (Path(__file__).parents[2] / "sql", Path(sys.prefix) / "share" / "lgi" / "sql")


def text() -> str:
    """Return the text of the schema, for both kinds of database.

    Raises FileNotFoundError when it is not installed.
    """
    for place in _PLACES:
        if (place / "schema.sql").is_file():
            return (place / "schema.sql").read_text("utf-8")
    raise FileNotFoundError(f"schema.sql is in none of {', '.join(map(str, _PLACES))}")


def make(database: Database) -> bool:
    """Create the tables unless they exist; return whether they were created."""
    if is_made(database):
        return False
    database.create(text())
    return True


def check(project: str, address: str) -> None:
    """Raise ValueError unless a project's database has its tables; an unreachable one is only logged.

    Raises OSError for a file of its password that cannot be read.
    """
    place = parse_address(address)
    if isinstance(place, SQLiteAddress):
        database_file.check(place.path)
    database = open_database(address)
    try:
        made = is_made(database)
        differences = schema_check.differences(database, text()) if made else []
    except LGIError as away:
        log.warning("the database of project %s cannot be reached: %s", project, away)
        return
    finally:
        database.close()
    if not made:
        raise ValueError(
            f"the database of project {project}, {without_password(address)}, cannot be used"
            " or has no tables: LGI_setup makes them"
        )
    if differences:
        shown = "; ".join(differences[:MOST_SHOWN])
        more = f"; and {len(differences) - MOST_SHOWN} more" if len(differences) > MOST_SHOWN else ""
        raise ValueError(
            f"the database of project {project}, {without_password(address)}, is of another version of LGI:"
            f" {shown}{more}. Compare it with sql/schema.sql"
        )


def is_made(database: Database) -> bool:
    """Return whether the tables exist; LGIError BACK_OFF when the database cannot be reached."""

    def work(transaction: Transaction) -> None:
        transaction.row("SELECT job_id FROM job_queue LIMIT 1")

    try:
        database.run(work, write=False)
    except LGIError as refused:
        if refused.number == ErrorNumber.DATABASE:
            return False
        raise
    return True
