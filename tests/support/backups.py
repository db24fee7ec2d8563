"""Backups of a grid, and the same grid made again from one after everything of it was lost."""

import shutil
import subprocess
from pathlib import Path

from click.testing import CliRunner

from lgi_server.cli.setup.command import main
from lgi_server.config import parser
from lgi_server.db import open_database
from tests.support.grid import Grid


def setup(*words: object) -> subprocess.CompletedProcess[str]:
    """Return what LGI_setup said, in this process: a start takes a third of a second."""
    command = list(map(str, words))
    done = CliRunner().invoke(main, command, prog_name="LGI_setup", catch_exceptions=False)
    return subprocess.CompletedProcess(command, done.exit_code, done.stdout, done.stderr)


def backup(grid: Grid, *words: str, name: str = "backup.tar") -> Path:
    """Back a grid up, which may run."""
    file = grid.directory / name
    done = setup("backup", grid.config_file, file, *words)
    assert done.returncode == 0, done.stderr
    return file


def lose(grid: Grid) -> None:
    """Stop a server, and remove its configuration, its files and, with SQLite, its database."""
    grid.stop()
    grid.database.close()
    shutil.rmtree(grid.config_file.parent)


def restore(grid: Grid, file: Path, *words: str, database: str = "") -> str:
    """Make the server of a grid again; what LGI_setup said."""
    chosen = [f"--database={grid.project}={database}"] if database else []
    done = setup("restore", file, "--into", grid.config_file.parent, *chosen, *words)
    assert done.returncode == 0, done.stderr
    use_restored(grid)
    return done.stdout


def use_restored(grid: Grid) -> None:
    """Let a grid know its new database."""
    grid.config = parser.load(grid.config_file)
    grid.database = open_database(grid.config.projects[grid.project].database)
