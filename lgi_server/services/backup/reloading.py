"""The databases of a backup, stored in new ones of either kind."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from lgi_server.config.database import SQLiteAddress, parse_address, without_password
from lgi_server.db import open_database, schema, schema_files, stored_columns
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.backup import archive, names, row_file
from lgi_server.services.backup.creation import TRANSIENT
from lgi_server.services.backup.manifest import ProjectContents
from lgi_server.tables import restorations, whole_tables

# Tables with rows of jobs, and none that outlive their job.
_OF_JOBS = frozenset({"job_queue", "job_access", "job_holds", "job_dependencies", "job_retries", "job_tries"})


def check(project: str, address: str) -> None:
    """Raise ValueError unless a database is empty: without tables, or with none that has a row.

    A file of SQLite must not exist. Raises LGIError when a database cannot be reached.
    """
    place = parse_address(address)
    if isinstance(place, SQLiteAddress):
        if place.path.exists():
            raise ValueError(f"the database of project {project}, {place.path}, exists: name a new file")
        return
    database = open_database(address)
    try:
        if schema.is_made(database):
            database.run(partial(_check_empty, project=project, address=address), write=False)
    finally:
        database.close()


def _check_empty(transaction: Transaction, project: str, address: str) -> None:
    tables = [one for one in stored_columns.of_schema(schema_files.text()) if one != "schema_version"]
    if not whole_tables.are_empty(transaction, tables):
        shown = without_password(address)
        raise ValueError(f"the database of project {project}, {shown}, is not empty: name an empty one")


def discard_unfinished(address: str, directory: Path) -> None:
    """Remove the file of SQLite that an interrupted restore has left in its directory."""
    place = parse_address(address)
    if isinstance(place, SQLiteAddress) and place.path.parent == directory:
        for suffix in ("", "-wal", "-shm"):
            place.path.with_name(f"{place.path.name}{suffix}").unlink(missing_ok=True)


def load(
    file: Path,
    project: str,
    address: str,
    contents: ProjectContents,
    *,
    gap: int,
    quiet: int,
    made_at: int,
    now: int,
) -> None:
    """Store the rows of a project's tables in one transaction.

    ``gap`` numbers are left out after the last one that each table has given, ``made_at`` is when the backup
    was made, in Unix seconds. Raises ValueError for other
    rows than the manifest says, LGIError for the database.
    """
    database = open_database(address)
    try:
        schema.make(database)
        for table in stored_columns.numbered(schema_files.text()):
            _leave_gap(database, table, contents.numbers.get(table, 0) + gap)

        def work(transaction: Transaction) -> None:
            # Another restore may have been faster.
            _check_empty(transaction, project, address)
            _store_rows(transaction, file, project, contents)
            restorations.record(transaction, now, quiet, made_at)

        database.run(work)
    finally:
        database.close()


def _leave_gap(database: Database, table: str, number: int) -> None:
    database.run(lambda transaction: whole_tables.number_from(transaction, table, number))


def _store_rows(transaction: Transaction, file: Path, project: str, contents: ProjectContents) -> None:
    by_name = {names.of_table(project, table): table for table in contents.rows}
    columns = stored_columns.of_schema(schema_files.text())
    found: dict[str, int] = {}
    for name, source in archive.contents(file):
        if (table := by_name.get(name)) is not None:
            if table not in columns or table in TRANSIENT:
                raise ValueError(f"it has a table {table}, which this version does not know")
            rows = _kept(table, columns[table], source, contents)
            found[table] = whole_tables.insert(transaction, table, columns[table], rows)
    for table, number in contents.rows.items():
        if table not in _OF_JOBS and found.get(table) != number:
            raise ValueError(f"it has {found.get(table)} rows of {table}, and its manifest says {number}")


def _kept(
    table: str, columns: Sequence[str], source: IO[bytes], contents: ProjectContents
) -> Iterator[list[Any]]:
    """Yield the rows of a table, without those of jobs that were deleted while the backup was made."""
    deleted = set(contents.deleted) if table in _OF_JOBS else set[int]()
    for row in row_file.read(source, columns):
        if not deleted or row[columns.index("job_id")] not in deleted:
            yield row
