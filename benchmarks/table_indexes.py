"""Drops the indexes of the tables of jobs while these are filled: a million rows take minutes less so."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction

SCHEMA = Path(__file__).parents[1] / "sql" / "schema.sql"
TABLES = ("job_queue", "job_access")
_INDEX = re.compile(rf"CREATE INDEX (\w+) ON ({'|'.join(TABLES)}) \(.*?\)[^;]*;")


@contextmanager
def dropped(database: Database, *, is_sqlite: bool, kept: Collection[str] = ()) -> Iterator[None]:
    """Drop all indexes but the unique and ``kept`` ones during a block, then make them and the statistics."""
    found = [one for one in _INDEX.finditer(SCHEMA.read_text()) if one[1] not in kept]
    for one in found:
        _run(database, f"DROP INDEX {one[1]}" if is_sqlite else f"DROP INDEX {one[1]} ON {one[2]}")
    yield
    for one in found:
        _run(database, _of_dialect(one[0], is_sqlite))
    analyse(database, is_sqlite=is_sqlite)


def analyse(database: Database, *, is_sqlite: bool) -> None:
    """Update the statistics of the tables, as a database does by itself after a while."""
    for table in TABLES:
        if is_sqlite:
            _run(database, f"ANALYZE {table}")
        else:
            database.run(lambda one, table=table: one.rows(f"ANALYZE TABLE {table}"))


def _run(database: Database, sql: str) -> None:
    def work(transaction: Transaction) -> None:
        transaction.run(sql)

    database.run(work)


def _of_dialect(sql: str, is_sqlite: bool) -> str:
    kept, dropped = ("~", "!") if is_sqlite else ("!", "~")
    sql = re.sub(rf"/\*{dropped}.*?\*/", "", sql.rstrip(";"))
    return re.sub(rf"/\*{kept}(.*?)\*/", r"\1", sql)
