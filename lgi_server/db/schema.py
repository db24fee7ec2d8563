"""The tables of a project's database, created from ``sql/schema.sql``."""

import logging

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.config.database import SQLiteAddress, parse_address, without_password
from lgi_server.db import database_file, open_database, schema_check, upgrades
from lgi_server.db.explanation import explanation
from lgi_server.db.pool import Database
from lgi_server.db.schema_files import text
from lgi_server.db.transaction import Transaction

log = logging.getLogger("lgi.schema")
# So many differences of a database are named.
MOST_SHOWN = 10


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
    check_file(address)
    database = open_database(address)
    try:
        made = is_made(database)
        version = upgrades.version_of(database) if made else 0
        differences = schema_check.differences(database, text()) if made else []
    except LGIError as away:
        log.warning("project %s: %s", project, explanation(address, away) or away)
        return
    finally:
        database.close()
    if trouble := _trouble(made, version, differences):
        raise ValueError(f"the database of project {project}, {without_password(address)}, {trouble}")


def check_file(address: str) -> None:
    """Raise ValueError when an embedded database has no file that can be written to."""
    place = parse_address(address)
    if isinstance(place, SQLiteAddress):
        database_file.check(place.path)


def _trouble(made: bool, version: int, differences: list[str]) -> str:
    """Return why a database cannot be used by this version, and what to do; empty when it can."""
    if not made:
        return "cannot be used or has no tables: LGI_setup makes them"
    if version != (latest := upgrades.latest()):
        return f"is of version {version}, and this program needs version {latest}: {_advice(version)}"
    if not differences:
        return ""
    shown = "; ".join(differences[:MOST_SHOWN])
    more = f"; and {len(differences) - MOST_SHOWN} more" if len(differences) > MOST_SHOWN else ""
    return f"is not as version {version} has it: {shown}{more}. Compare it with sql/schema.sql"


def _advice(version: int) -> str:
    if version > upgrades.latest():
        return "use the programs of the newer release"
    return "stop the servers, and run: LGI_setup upgrade CONFIGURATION"


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
