"""ManageDB, run in the process of the test or started as administrators do."""

import subprocess

from click.testing import CliRunner

from lgi_server.cli.manage_db.command import main
from tests.support.grid import BIN, Grid

Done = subprocess.CompletedProcess[str]


def manage(grid: Grid, *words: str, answers: str = "") -> Done:
    """Return ManageDB's exit code and texts.

    In this process: a start takes much longer than what most tests ask for. Not for several threads.
    """
    command = ["--config", str(grid.config_file), *words]
    done = CliRunner().invoke(main, command, input=answers, prog_name="ManageDB", catch_exceptions=False)
    return Done(command, done.exit_code, done.stdout, done.stderr)


def start(grid: Grid, *words: str, answers: str = "") -> Done:
    """Return the exit code and the texts of the program, in a process of its own."""
    command = [BIN / "ManageDB", "--config", grid.config_file, *words]
    return subprocess.run(command, input=answers, capture_output=True, text=True, timeout=60, check=False)
