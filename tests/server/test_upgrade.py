"""A database of an older version is upgraded, with its jobs, and is then as one that was made new."""

import re
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lgi_protocol.errors import LGIError
from lgi_server.db import backup, open_database, schema_check, schema_files, upgrades
from lgi_server.db.pool import Database
from lgi_server.db.sqlite import statements
from lgi_server.db.transaction import Transaction
from tests.support.grid import BIN, Grid
from tests.support.mariadb import PrivateMariaDB

FIRST_SCHEMA = Path(__file__).with_name("schema_version_1.sql").read_text("utf-8")
JOB = (
    "INSERT INTO job_queue (job_id, state, application, owners, read_access, write_access, target_resources,"
    " input, output, job_specifics, state_time_stamp, priority, repository)"
    " VALUES (%s, %s, 'hello_world', 'mark@laptop', 'mark@laptop', 'mark@laptop', 'any', %s, %s, '',"
    " %s, 1, '')"
)
ACCESS = (
    "INSERT INTO job_access (role, name, state_time_stamp, job_id, state, application)"
    " VALUES ('read', 'mark@laptop', %s, %s, %s, 'hello_world')"
)
LATEST = upgrades.latest()
ENDS = {1: ("queued", ""), 2: ("finished", "unknown"), 3: ("aborted", "failed")}


@pytest.fixture(params=["sqlite", "mariadb"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path}/old.sqlite"
    server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
    return server.create_database("upgraded")


@pytest.fixture
def old(address: str) -> Iterator[Database]:
    """A database of version 1 with a job in each kind of state."""
    database = open_database(address)
    database.create(FIRST_SCHEMA)
    database.run(_fill)
    yield database
    database.close()


def _fill(transaction: Transaction) -> None:
    for job_id, (state, _ended) in ENDS.items():
        transaction.run(JOB, job_id, state, b"input", b"", 1000 + job_id)
        transaction.run(ACCESS, 1000 + job_id, job_id, state)


def upgrade(database: Database) -> None:
    """Do all steps that are missing."""
    for step in upgrades.missing_steps(upgrades.version_of(database)):
        upgrades.apply(database, step)


def test_an_upgraded_database_keeps_its_jobs(old: Database) -> None:
    """Jobs that ended before are of unknown end, aborted ones failed; nothing is lost."""
    assert upgrades.version_of(old) == 1

    upgrade(old)

    assert upgrades.version_of(old) == upgrades.latest()
    assert schema_check.differences(old, schema_files.text()) == []
    rows = old.run(
        lambda transaction: transaction.rows(
            "SELECT job_queue.job_id, job_queue.state, ended, exit_code, end_reason FROM job_queue"
            " JOIN job_access ON job_queue.job_id = job_access.job_id ORDER BY job_queue.job_id"
        ),
        write=False,
    )
    assert {row["job_id"]: (row["state"], row["ended"]) for row in rows} == ENDS
    assert {(row["exit_code"], row["end_reason"]) for row in rows} == {(None, "")}


THRESHOLDS = (
    "SELECT TABLE_NAME, TABLE_COMMENT FROM INFORMATION_SCHEMA.TABLES"
    " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_COMMENT <> ''"
)


@pytest.mark.parametrize("name", ["fresh", "older"])
def test_pages_of_an_index_are_merged_late_on_mariadb(private_mariadb: PrivateMariaDB, name: str) -> None:
    """New and upgraded tables whose rows move at each change of a job keep pages that are half empty."""
    database = open_database(private_mariadb.create_database(f"threshold_{name}"))
    database.create(schema_files.text() if name == "fresh" else FIRST_SCHEMA)
    upgrade(database)

    rows = database.run(lambda transaction: transaction.rows(THRESHOLDS), write=False)

    comments = {row["TABLE_NAME"]: row["TABLE_COMMENT"] for row in rows}
    assert comments == dict.fromkeys(("job_queue", "job_access"), "MERGE_THRESHOLD=15")
    database.close()


def test_a_step_that_was_interrupted_on_mariadb_is_done_again(private_mariadb: PrivateMariaDB) -> None:
    """MariaDB commits each change of a table: whatever part of a step was done, it can be repeated."""
    database = open_database(private_mariadb.create_database("interrupted"))
    database.create(FIRST_SCHEMA)
    for step in (*upgrades.steps(), *upgrades.steps()):
        upgrades.apply(database, step)
    database.run(lambda transaction: transaction.run("DELETE FROM schema_version"))

    upgrade(database)

    assert upgrades.version_of(database) == upgrades.latest()
    assert schema_check.differences(database, schema_files.text()) == []
    database.close()


def test_a_step_that_fails_on_sqlite_changes_nothing(tmp_path: Path) -> None:
    """All of a step is one transaction there."""
    database = open_database(f"sqlite:{tmp_path}/old.sqlite")
    database.create(FIRST_SCHEMA)
    before = database.columns()
    step = upgrades.steps()[0]
    broken = replace(step, text=f"{step.text}\nCREATE TABLE job_queue (job_id INTEGER);\n")

    with pytest.raises(LGIError):
        upgrades.apply(database, broken)

    assert database.columns() == before
    assert upgrades.version_of(database) == 1
    database.close()


ADDITIONS = re.compile(
    r"ALTER TABLE \w+ ADD COLUMN (/\*! IF NOT EXISTS \*/ )?\w+ \w+(\(\d+\))? (NULL|NOT NULL DEFAULT .*"
    r"|GENERATED ALWAYS AS .*)"
    r"|CREATE (UNIQUE )?INDEX IF NOT EXISTS .*|CREATE TABLE IF NOT EXISTS .*|UPDATE .*"
    r"|/\*! ALTER TABLE \w+ COMMENT = 'MERGE_THRESHOLD=\d+' \*/",
    re.DOTALL,
)
# On MariaDB, where a query may name it, an index with more columns replaces one in a single statement before.
REPLACEMENT = re.compile(r"DROP INDEX IF EXISTS /\*! old_(\w+) ON \w+ \*/ /\*~ \1 \*/")


@pytest.mark.parametrize("step", upgrades.steps(), ids=lambda step: step.title)
def test_a_step_only_adds_so_that_a_server_of_the_former_version_goes_on(step: upgrades.Step) -> None:
    """Front ends are upgraded one after the other: one that runs does not notice new tables and columns."""
    made = [one for one in statements(step.text) if not ADDITIONS.fullmatch(one)]
    replaced = [found[1] for one in made if (found := REPLACEMENT.fullmatch(one))]

    assert len(made) == len(replaced)
    assert all(f"CREATE INDEX IF NOT EXISTS {name} ON" in step.text for name in replaced)


def test_all_steps_together_make_the_tables_of_the_schema(tmp_path: Path) -> None:
    """Columns with types and defaults, and indexes: version 1 with its upgrades has those of schema.sql."""
    databases = []
    for name, text in (("old", FIRST_SCHEMA), ("new", schema_files.text())):
        database = open_database(f"sqlite:{tmp_path}/{name}.sqlite")
        database.create(text)
        upgrade(database)
        database.close()
        databases.append(_shape(tmp_path / f"{name}.sqlite"))

    assert databases[0] == databases[1]


def _shape(file: Path) -> set[tuple[object, ...]]:
    """Return the columns and indexes of a file, whatever their order in a table."""
    opened = sqlite3.connect(file)
    tables = [name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    columns = {
        (table, *row[1:]) for table in tables for row in opened.execute(f"PRAGMA table_xinfo('{table}')")
    }
    indexes = {
        (table, name, *(tuple(part[1:]) for part in opened.execute(f"PRAGMA index_xinfo('{name}')")))
        for table in tables
        for _number, name, *_rest in opened.execute(f"PRAGMA index_list('{table}')")
    }
    opened.close()
    return {(table, *rest) for table, *rest in columns if table} | {
        (table, name, *(part[1:] for part in parts)) for table, name, *parts in indexes
    }


def test_the_tables_of_mariadb_are_those_of_the_schema_after_all_steps(
    private_mariadb: PrivateMariaDB,
) -> None:
    """What information_schema says of columns and indexes is the same on the way and in one go."""
    found = []
    for name, text in (("stepped", FIRST_SCHEMA), ("fresh", schema_files.text())):
        database = open_database(private_mariadb.create_database(name))
        database.create(text)
        upgrade(database)
        found.append(database.run(_mariadb_shape, write=False))
        database.close()

    assert found[0] == found[1]


def _mariadb_shape(transaction: Transaction) -> set[tuple[object, ...]]:
    columns = transaction.rows(
        "SELECT table_name, column_name, column_type, is_nullable, column_default, collation_name, extra"
        " FROM information_schema.columns WHERE table_schema = DATABASE()"
    )
    indexes = transaction.rows(
        "SELECT table_name, index_name, seq_in_index, column_name, non_unique"
        " FROM information_schema.statistics WHERE table_schema = DATABASE()"
    )
    return {tuple(dict(row).values()) for row in (*columns, *indexes)}


class OldGrid:
    """A server's directory whose database is of version 1."""

    def __init__(self, database: str) -> None:
        self.grid = Grid(database)
        for table in self._tables():
            self.grid.run(f"DROP TABLE {table}")
        self.grid.database.create(FIRST_SCHEMA)
        self.grid.database.run(_fill)

    def _tables(self) -> set[str]:
        return {table for table, _column in self.grid.database.columns() if not table.startswith("sqlite_")}

    def run(self, program: str, *words: object) -> subprocess.CompletedProcess[str]:
        """Run a program on the configuration; what it said."""
        command = [BIN / program, *map(str, words), str(self.grid.config_file)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture
def old_grid(request: pytest.FixtureRequest, address: str) -> Iterator[OldGrid]:
    """A grid that is not started."""
    made = OldGrid(address)
    yield made
    made.grid.remove()


def test_a_server_refuses_an_older_database_until_it_is_upgraded(old_grid: OldGrid) -> None:
    """It says which versions, and which command; after it the server has the jobs of before."""
    refused = old_grid.run("LGI_server")
    planned = old_grid.run("LGI_setup", "upgrade", "--dry-run")
    still = upgrades.version_of(old_grid.grid.database)
    done = old_grid.run("LGI_setup", "upgrade")
    again = old_grid.run("LGI_setup", "upgrade")
    checked = old_grid.run("LGI_server", "--check")

    assert refused.returncode == 1
    assert (
        f"is of version 1, and this program needs version {LATEST}: stop the servers, and run:"
        " LGI_setup upgrade" in (refused.stderr)
    )
    assert (planned.returncode, still) == (0, 1)
    missing = ", ".join(f"{step.version} ({step.title})" for step in upgrades.steps())
    assert planned.stdout == f"LGI: version 1, missing {missing}\n"
    assert missing.startswith("2 (job ends), 3 (presence), 4 (daemon references)")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2:] == [f"LGI: version {step.version}" for step in upgrades.steps()]
    assert again.stdout == f"LGI: version {LATEST} already, nothing to do\n"
    assert checked.returncode == 0, checked.stderr
    old_grid.grid.database.run(old_grid.grid.register)
    old_grid.grid.start()
    user = old_grid.grid.user("mark@laptop", None)
    assert {job_id: user.state(job_id) for job_id in ENDS} == {job_id: ENDS[job_id][0] for job_id in ENDS}


def test_a_copy_of_the_former_database_is_kept(old_grid: OldGrid) -> None:
    """It is for its owner alone, has the jobs, and is made before anything is changed."""
    said = old_grid.run("LGI_setup", "upgrade").stdout.splitlines()

    copy = Path(said[1].removeprefix("LGI: the former database is in "))
    assert copy.stat().st_mode & 0o777 == 0o600
    assert b"mark@laptop" in copy.read_bytes()
    assert b"schema_version" not in copy.read_bytes()


def test_a_database_of_a_newer_version_is_left_alone(old_grid: OldGrid) -> None:
    """Neither the server nor an upgrade touches it."""
    old_grid.run("LGI_setup", "upgrade", "--no-backup")
    old_grid.grid.run("UPDATE schema_version SET version = 99")

    upgraded, served = old_grid.run("LGI_setup", "upgrade"), old_grid.run("LGI_server")

    assert upgraded.returncode == served.returncode == 1
    assert (
        f"is of version 99, newer than this program's {LATEST}: use the programs of the newer release"
        in upgraded.stderr
    )
    assert (
        f"is of version 99, and this program needs version {LATEST}: use the programs of the newer"
        in served.stderr
    )


def test_a_backup_that_cannot_be_written_changes_nothing(address: str, old: Database, tmp_path: Path) -> None:
    """A file of that name is kept as it is."""
    target = tmp_path / "copy"
    target.write_text("mine")

    with pytest.raises(FileExistsError):
        backup.save(address, target)

    assert target.read_text() == "mine"
    assert upgrades.version_of(old) == 1
