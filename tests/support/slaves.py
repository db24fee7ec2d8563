"""Slave servers of a grid's project, and the schedulers beside them."""

import subprocess
from collections.abc import Iterable

from tests.support.grid import BIN, Grid


def manage(grid: Grid, *words: str) -> str:
    """What ManageDB says on a server's machine; AssertionError when it refuses."""
    done = subprocess.run(
        [BIN / "ManageDB", "--config", grid.config_file, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Slave(Grid):
    """A slave server with a database of its own, made by a command there and one on the master."""

    def __init__(self, master: Grid, name: str, database: str = "") -> None:
        self._master = master
        super().__init__(database, authority=master.people.authority, server_name=name)
        self.people = master.people

    def set_up(self, database: str, *words: str) -> None:
        """Register at the master, then set up with its changes."""
        self.register()
        super().set_up(database, *words, f"--master={self._master.url}")

    def register(self) -> None:
        """The master's command."""
        certificate = self.people.authority.directory / f"{self.server_name}.crt"
        manage(
            self._master,
            *("add", "resources", "allowed", "--name", self.server_name, "--url", self.url),
            *("--certificate", str(certificate), "--project-server", "2", "--servers", "any"),
        )


class Scheduler:
    """LGI_scheduler of a server."""

    def __init__(self, grid: Grid) -> None:
        """Runs at once."""
        with (grid.directory / "scheduler.log").open("ab") as log:
            self._process = subprocess.Popen(
                [BIN / "LGI_scheduler", grid.config_file], stdout=log, stderr=log
            )

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait(60)


def rules(grid: Grid) -> Iterable[tuple[object, ...]]:
    """What is replicated of a server's project, in an order of its own."""
    found = []
    for table, columns in (
        ("users_allowed", "user_name, application, job_limit"),
        ("users_denied", "user_name, application"),
        ("groups_allowed", "group_name, application, job_limit"),
        ("groups_denied", "group_name, application"),
        ("active_resources", "resource_name, url, project_server"),
        ("updates", "version, servers"),
    ):
        rows = grid.rows(f"SELECT {columns} FROM {table}")
        found += sorted((table, *map(str, row.values())) for row in rows)
    return found
