"""Fills a queue without a server: a thousand jobs are stored by the server's code, and their rows are copied.

Only this module depends on the schema. It copies every row, with all its columns, of the tables in which a
job has rows; `_changed` names the columns that differ between copies.
"""

import time
from dataclasses import replace
from functools import partial

from benchmarks import table_indexes
from lgi_server.db.transaction import Transaction
from lgi_server.tables import job_access
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow
from tests.support.grid import Grid

# Jobs in one copy; the reader owns one in a hundred, unless another share is asked for.
COPY = 1000
SHARE = 100
TABLES = table_indexes.TABLES
# The order of the primary keys, as columns of the copied rows.
ORDER = {"job_queue": "copy, job_id", "job_access": "role, name, state_time_stamp, copy, job_id"}
# Copies made by one statement; and jobs from which on indexes are made at the end.
COPIES, MANY = 50, 50_000
# Columns that the database computes from others.
MADE = ("queued_for", "queued_by", "queued_wish", "element_state")


def fill(grid: Grid, number: int, reader: str, share: int = SHARE) -> None:
    """Queue so many jobs (below 1,000, or a multiple of it) of some 1,000 users.

    ``reader`` owns one in ``share``.
    """
    now = int(time.time()) - 2 * number
    is_sqlite = not grid.config.projects["LGI"].database.startswith("mariadb:")
    first = grid.database.run(partial(_first_copy, reader, share, now, min(number, COPY)))
    if number < MANY:
        _copy_all(grid, first, number, is_sqlite)
        table_indexes.analyse(grid.database, is_sqlite=is_sqlite)
        return
    # The first copy is read by this index, and each copy adds to its end.
    with table_indexes.dropped(grid.database, is_sqlite=is_sqlite, kept=("access_of_job",)):
        _copy_all(grid, first, number, is_sqlite)


def _copy_all(grid: Grid, first: int, number: int, is_sqlite: bool) -> None:
    for copy in range(1, number // COPY, COPIES):
        copies = range(copy, min(copy + COPIES, number // COPY))
        for table in TABLES:
            grid.database.run(partial(_multiply, table, first, copies, is_sqlite))


def _first_copy(reader: str, share: int, now: int, length: int, transaction: Transaction) -> int:
    """Store the jobs of the first copy; return the id of the first."""
    numbers = []
    for index in range(length):
        owner = reader if index % share == 0 else f"user{index}@campus"
        job = _job(owner, index, now)
        if owner == reader:
            job = replace(job, job_name="sweep", labels=f"kind=md\npart={index // share}")
        numbers.append(jobs.insert(transaction, job))
        job_access.insert_all(transaction, [replace(job, job_id=numbers[-1])])
    if numbers != list(range(numbers[0], numbers[0] + length)):
        raise AssertionError("the database does not number jobs one after the other")
    return numbers[0]


def _job(owner: str, index: int, now: int) -> JobRow:
    """Return a job as it is stored after a submit."""
    return JobRow(
        job_id=0,
        state="queued",
        application="hello_world",
        owners=(owner,),
        read_access=("admin", owner),
        write_access=("admin", owner),
        target_resources=("any",),
        job_specifics="",
        lock_state=0,
        state_time_stamp=now + index,
        daemon_pulse=now + index,
        priority=now + index,
        repository=f"JOB_000{index:029x}",
        input=b"x" * 100,
        output=b"",
    )


def _changed(column: str, is_sqlite: bool) -> str:
    """Return the value of a column in a copy, which is later and has another id and repository."""
    if column == "job_id":
        return f"job_id + copy * {COPY}"
    if column in {"state_time_stamp", "daemon_pulse", "priority"}:
        return f"CASE {column} WHEN 0 THEN 0 ELSE {column} + copy * {COPY} END"
    if column == "repository":
        digits = "'0000' || copy" if is_sqlite else "CONCAT('0000', copy)"
        number = f"SUBSTR({digits}, -5)"
        new = f"'JOB_' || {number}" if is_sqlite else f"CONCAT('JOB_', {number})"
        return f"REPLACE(repository, 'JOB_00000', {new})"
    return column


def _multiply(table: str, first: int, copies: range, is_sqlite: bool, transaction: Transaction) -> None:
    """Add copies of the rows of the first thousand jobs."""
    row = transaction.row(f"SELECT * FROM {table} LIMIT 1")  # noqa: S608 - names of our own schema
    columns = [] if row is None else [column for column in dict(row) if column not in MADE]
    values = [_changed(column, is_sqlite) for column in columns]
    transaction.run(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {table},"  # noqa: S608
        f" (SELECT {copies[0]} AS copy{''.join(f' UNION ALL SELECT {copy}' for copy in copies[1:])}) copies"
        f" WHERE job_id >= %s AND job_id < %s ORDER BY {ORDER[table]}",
        first,
        first + COPY,
    )


def last_job(grid: Grid) -> int:
    """Return the highest job id."""
    return int(str(grid.rows("SELECT COALESCE(MAX(job_id), 0) AS last FROM job_queue")[0]["last"]))


def forget_after(grid: Grid, job_id: int) -> None:
    """Delete the jobs submitted after a job, so that every run starts with the same queue."""
    for table in TABLES:
        grid.run(f"DELETE FROM {table} WHERE job_id > %s", job_id)  # noqa: S608


def grow_old(grid: Grid) -> None:
    """Set all time stamps back ten seconds: the next call is the first of its second, which costs most."""
    for table, column in (
        ("active_resources", "last_call_time"),
        ("running_sessions", "session_time_stamp"),
        ("job_queue", "daemon_pulse"),
    ):
        grid.run(f"UPDATE {table} SET {column} = {column} - 10 WHERE {column} > 10")  # noqa: S608
