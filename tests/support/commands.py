"""Commands of administrators, run on a server that has all they need, whole or ended half way."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from lgi_server.config import parser
from lgi_server.db import open_database, schema
from tests.support.grid import BIN
from tests.support.project_directory import ProjectDirectory

FIRST_SCHEMA = Path(__file__).parents[1] / "server" / "schema_version_1.sql"
NAME = "res1@cluster"
ADDED = "Theory"
COMMANDS = {
    "grid": (
        "LGI_setup",
        "grid",
        "--directory",
        "DIRECTORY/new",
        "--url=https://localhost:8443/LGI",
        "--admin=m@l",
    ),
    "add": ("LGI_setup", "project", "add", ADDED, "CONFIG"),
    "remove": ("LGI_setup", "project", "remove", "Second", "--yes", "CONFIG"),
    "backup": ("LGI_setup", "backup", "CONFIG", "DIRECTORY/backup.tar"),
    "upgrade": ("LGI_setup", "upgrade", "CONFIG"),
    "drain": ("ManageDB", "--config", "CONFIG", "drain", "resource", NAME),
}
# Runs commands in children, which have all modules. Each line that it reads has a number, a file for errors
# and words: it ends the command, as a kill does, at its change of a file or opening of a database of that
# number.
CHILDREN = """
import os, sys
from lgi_server.cli import entry_points
from lgi_server.cli.setup import command
from lgi_server.cli.manage_db import command
NAMES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "sqlite3.connect"}
left = 0
def stop(event, arguments):
    global left
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if writes or event in NAMES:
        left -= 1
        if not left:
            os._exit(9)
for line in sys.stdin:
    number, errors, *sys.argv = line.split()
    if not (child := os.fork()):
        os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
        os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        left = int(number)
        sys.addaudithook(stop)
        sys.exit({"LGI_setup": entry_points.setup, "ManageDB": entry_points.manage_db}[sys.argv[0]]())
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class World:
    """A server of two projects with a resource, in a directory that everybody can read."""

    def __init__(self, directory: Path) -> None:
        self.project = ProjectDirectory(directory)
        self.directory, self.config = directory, self.project.config
        assert self.run("LGI_setup", "project", "add", "Second", "CONFIG").returncode == 0
        self.project.sql(
            "INSERT INTO active_resources (resource_name, client_certificate, url, resource_capabilities,"
            " project_server) VALUES (%s, '', '', '', 0)",
            NAME,
        )
        for path in (directory, *directory.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        self.project.keep()

    def words(self, *command: str) -> list[str]:
        """A command with the names of this world."""
        words = [word.replace("CONFIG", str(self.config)) for word in command]
        return [word.replace("DIRECTORY", str(self.directory)) for word in words]

    def run(self, program: str, *words: str, **how: object) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        command = [str(BIN / program), *self.words(*words)]
        return subprocess.run(command, capture_output=True, text=True, timeout=100, **how)  # type: ignore[call-overload,no-any-return]

    def begin(self, what: str) -> None:
        """Have everything as in the beginning; an upgrade finds a database of the first version."""
        self.project.renew()
        if what == "upgrade":
            file = self.config.parent / "LGI.sqlite"
            for path in file.parent.glob("LGI.sqlite*"):
                path.unlink()
            opened = open_database(f"sqlite:{file}")
            opened.create(FIRST_SCHEMA.read_text("utf-8"))
            opened.close()
            file.chmod(0o644)

    def contents(self) -> dict[str, object]:
        """What there is: files with their bytes, databases with their rows."""
        files = [path for path in self.directory.rglob("*") if path.is_file()]
        return {
            str(path.relative_to(self.directory)): rows(path)
            if path.suffix == ".sqlite"
            else path.read_bytes()
            for path in files
            if not path.name.endswith(("-wal", "-shm"))
        }

    def names(self) -> set[str]:
        """The files, without the times in their names and the bytes in them."""
        return {name.partition(".version-1.")[0] for name in self.contents()}

    def is_usable(self) -> bool:
        """Whether each project of the configuration has a database of this version."""
        config = parser.load(self.config)
        for one in config.projects.values():
            schema.check(one.name, one.database)
        return True


def rows(path: Path) -> list[str]:
    """The statements that make a database of SQLite again."""
    with closing(sqlite3.connect(path)) as opened:
        return list(opened.iterdump())


class Children:
    """Runs the commands of a world, which may be ended half way."""

    def __init__(self, world: World) -> None:
        self.world, self._errors = world, world.directory.with_name("errors")
        command = [sys.executable, "-c", CHILDREN]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, what: str, number: int = 0) -> tuple[int, str]:
        """The exit code, 9 when the command was ended at its change of this number, and what it says."""
        words = " ".join(self.world.words(*COMMANDS[what]))
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{number} {self._errors} {words}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline()), self._errors.read_text()

    def close(self) -> None:
        """Let it end."""
        self._process.communicate(timeout=60)
