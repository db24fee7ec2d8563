"""The project that ManageDB works on: its configuration, its database, and the notification of slaves."""

import os
import pwd
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lgi_protocol.errors import LGIError
from lgi_server.cli import configuration
from lgi_server.cli.manage_db.answers import report
from lgi_server.config.model import Config, ProjectConfig
from lgi_server.db import open_database, schema
from lgi_server.db.explanation import explained
from lgi_server.db.transaction import Transaction
from lgi_server.services.access import principals
from lgi_server.services.administration.changes import Actor, Changes
from lgi_server.services.project import peers, recorded_changes
from lgi_server.services.project.recorded_changes import AdministrationError

Result = TypeVar("Result")


@dataclass(frozen=True)
class ManagedProject:
    """One project of a configuration."""

    config: Config
    project: ProjectConfig

    @property
    def name(self) -> str:
        """The project's name."""
        return self.project.name

    def run(self, work: Callable[[Transaction], Result]) -> Result:
        """Return the result of ``work`` in one transaction; ValueError for a database that cannot be used."""
        database = open_database(self.project.database)
        try:
            with explained(self.project.database):
                return database.run(work)
        finally:
            database.close()

    def run_on_master(self, work: Callable[[Transaction], Result]) -> Result:
        """Return the result of ``work`` as `run`. AdministrationError unless this is the master server."""

        def checked(transaction: Transaction) -> Result:
            recorded_changes.check_master(transaction, self.project.server_name)
            return work(transaction)

        return self.run(checked)

    def in_changes(self, work: Callable[[Changes], Result]) -> Result:
        """Return the result of ``work`` in one transaction, with its changes logged as those of ManageDB."""
        actor, now = Actor(_account(), "ManageDB"), int(time.time())
        return self.run(lambda transaction: work(Changes(transaction, actor, self.project.server_name, now)))

    def change_here(self, work: Callable[[Changes], object]) -> None:
        """Make a change of this server alone, and report it."""
        self.in_changes(work)
        report(f"Done, in project {self.name} on this server.")

    def change(self, work: Callable[[Changes], int]) -> None:
        """Make a change on the master, report its version and notify the slaves."""
        version = self.in_changes(work)
        report(f"Done, as update {version} of project {self.name}.")
        self.tell_slaves()

    def tell_slaves(self) -> None:
        """Notify the slave servers of an update, and report those that do not answer."""
        slaves = self.run(principals.servers).slaves
        try:
            silent = peers.notify_slaves(self.config, self.name, slaves) if slaves else []
        except LGIError as error:
            report(f"The slave servers were not told ({error}): they ask by themselves.")
            return
        for name in silent:
            report(f"{name} did not answer: it fetches the change when its scheduler asks.")


def _account() -> str:
    """Return the name of the account that runs this program, its number if it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def load(file: Path, name: str | None) -> ManagedProject:
    """Return a project of a configuration, or its default project.

    Raises AdministrationError or ConfigError, and ValueError for a database that cannot be used.
    """
    if not os.path.lexists(file):
        raise AdministrationError(
            f"there is no configuration {file}: say --config FILE, or set LGI_SERVER_CONFIG"
        )
    config = configuration.load("ManageDB", file)
    chosen = name or config.default_project
    if chosen not in config.projects:
        raise AdministrationError(f"{file} has no project {chosen!r}, only {', '.join(config.projects)}")
    schema.check(chosen, config.projects[chosen].database)
    return ManagedProject(config, config.projects[chosen])
