"""The file of an embedded database that is missing or not writable."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lgi_server.db import open_database, schema
from tests.support.capabilities import without_capability
from tests.support.grid import BIN, Grid

COMMANDS = {
    "LGI_server": ("LGI_server",),
    "LGI_server --check": ("LGI_server", "--check"),
    "LGI_scheduler": ("LGI_scheduler",),
    "ManageDB": ("ManageDB", "list", "users", "allowed", "--config"),
}


@pytest.fixture
def config(grid: Grid, tmp_path: Path) -> Path:
    """A configuration with the certificates of a grid, and an empty file for its database."""
    path = tmp_path / "LGI_server.cfg"
    path.write_text(
        re.sub(r"(?m)^database = .*$", "database = sqlite:own.sqlite", grid.config_file.read_text())
    )
    (tmp_path / "own.sqlite").touch()
    (tmp_path / "repository").mkdir()
    return path


def refusal(words: tuple[str, ...], config: Path) -> str:
    """The last line of a command that does not begin, as root without the right to write everywhere."""
    command = [*without_capability("dac_override"), BIN / words[0], *words[1:], config]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS.keys())
def test_a_database_file_that_is_gone_is_not_made_anew(words: tuple[str, ...], config: Path) -> None:
    """An empty one would look as if all jobs were lost; the message says what to do."""
    file = config.with_name("own.sqlite")
    file.unlink()

    told = refusal(words, config)

    assert told.startswith(f"{words[0]}: the database file {file} does not exist: restore it, or correct")
    assert not file.exists()


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS.keys())
def test_a_database_file_that_cannot_be_written_to_is_refused_at_the_start(
    words: tuple[str, ...], config: Path
) -> None:
    """Without this check the first call that writes would fail."""
    file = config.with_name("own.sqlite")
    file.chmod(0o400)

    told = refusal(words, config)

    assert told.startswith(f"{words[0]}: the database file {file}: Permission denied; ")
    assert "the server's user must be able to write to it" in told


def test_a_directory_without_room_for_files_beside_the_database_is_refused(config: Path) -> None:
    """SQLite writes its log there."""
    config.parent.chmod(0o500)

    told = refusal(("LGI_server",), config)

    config.parent.chmod(0o700)
    assert told.startswith(
        f"LGI_server: the directory {config.parent} cannot be written to; the server's user"
    )


def test_a_check_leaves_the_locks_of_an_open_database(tmp_path: Path) -> None:
    """Without them another program that ends takes the database for unused, and removes its log."""
    database = open_database(f"sqlite:{tmp_path / 'LGI.sqlite'}")
    schema.make(database)
    log = tmp_path / "LGI.sqlite-wal"

    schema.check_file(f"sqlite:{tmp_path / 'LGI.sqlite'}")
    other = (
        "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute('SELECT * FROM turns'); d.close()"
    )
    subprocess.run([sys.executable, "-c", other, tmp_path / "LGI.sqlite"], check=True)

    assert log.exists()
    database.close()
    assert not log.exists()
