"""A small grid for tests: an authority, certificates, and a real project server on loopback."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from click.testing import CliRunner

from lgi_protocol.client import Client
from lgi_protocol.credentials import Credentials
from lgi_protocol.errors import ServerError
from lgi_protocol.reply import Reply
from lgi_protocol.resource_api import ResourceCalls
from lgi_server.background import metrics
from lgi_server.cli.setup.command import main as setup
from lgi_server.config import parser as configuration
from lgi_server.db import open_database
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.project import administration, registration
from lgi_server.services.project.registration import NewResource
from lgi_server.tables.job_queue import jobs
from lgi_tools.certificates.ca import Authority, Issued
from tests.support.ports import free_port
from tests.support.settings import changed

BIN = Path(sys.executable).parent
PROJECT = "LGI"
SERVER_NAME = "LGI@localhost"
TABLES = [
    "job_queue",
    "running_locks",
    "job_holds",
    "job_dependencies",
    "job_retries",
    "job_tries",
    "active_resources",
    "running_sessions",
    "users_allowed",
    "groups_allowed",
    "users_denied",
    "groups_denied",
    "updates",
    "event_queue",
    "job_access",
    "job_history",
    "job_runs",
    "job_usage",
    "queue_history",
    "share_weights",
    "share_usage",
    "submit_requests",
    "licence_wishes",
    "update_undo",
    "job_tails",
    "attach_sessions",
    "job_arrays",
    "array_access",
    "resource_daemons",
    "resource_machines",
    "web_sessions",
    "api_tokens",
    "token_addresses",
    "administrators",
    "revoked_users",
    "administration_log",
    "job_notifications",
    "notification_outbox",
    "notification_users",
    "notification_rates",
]
CAPABILITIES = "<hello_world> </hello_world>"


def refusal(call: Callable[[], object]) -> int:
    """The error number a call is refused with, 0 when it is not."""
    try:
        call()
    except ServerError as refused:
        return refused.number
    return 0


def wait_for(what: object, seconds: float = 60.0) -> None:
    """Return when a condition holds; AssertionError when it never does."""
    end = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        if time.monotonic() > end:
            raise AssertionError(f"still not so after {seconds} s")
        time.sleep(0.02)


@dataclass
class People:
    """The certificates of a grid, issued once for each common name."""

    authority: Authority
    issued: dict[str, Issued] = field(default_factory=dict)
    making: threading.Lock = field(default_factory=threading.Lock)

    def user(
        self, name: str, groups: tuple[str, ...] | None = None, projects: tuple[str, ...] | None = None
    ) -> Issued:
        """Issue a user's certificate."""
        return self._kept(
            f"user {name} {groups} {projects}",
            lambda: self.authority.issue_user(name, groups, projects, force=True),
        )

    def resource(self, name: str, projects: tuple[str, ...] | None = None) -> Issued:
        """A resource's certificate."""
        return self._kept(
            f"resource {name} {projects}",
            lambda: self.authority.issue_resource(name, projects, force=True),
        )

    def _kept(self, wanted: str, issue: Callable[[], Issued]) -> Issued:
        """Issue a certificate once and keep a copy: the CA would overwrite it when only the groups differ."""
        with self.making:
            if wanted not in self.issued:
                directory = self.authority.directory / f"kept-{len(self.issued)}"
                directory.mkdir()
                made = issue()
                self.issued[wanted] = Issued(
                    Path(shutil.copy(made.certificate, directory)), Path(shutil.copy(made.key, directory))
                )
        return self.issued[wanted]

    def credentials(self, issued: Issued) -> Credentials:
        """Return the credentials of a client with this certificate."""
        return Credentials(issued.key, issued.certificate, self.authority.ca_file)


class Grid:
    """A project server in its own process, with a database and repositories."""

    def __init__(
        self,
        database: str = "",
        settings: Mapping[str, str] | None = None,
        authority: Authority | None = None,
        server_name: str = SERVER_NAME,
        project: str = PROJECT,
    ) -> None:
        self.project = project
        self.directory = Path(tempfile.mkdtemp(prefix="lgi-grid-"))
        self.people = People(authority or Authority.create(self.directory / "ca"))
        self.people.authority.issue_server("localhost", ("127.0.0.1",), force=True)
        self.people.authority.issue_resource(server_name, force=True)
        self.server_name = server_name
        self.port = free_port()
        self.url = f"https://localhost:{self.port}/LGI"
        self.set_up(database or f"sqlite:{project}.sqlite")
        self.change_settings(settings or {})
        self.config = configuration.load(self.config_file)
        self.database: Database = open_database(self.config.projects[project].database)
        self.process: subprocess.Popen[bytes] | None = None
        self.log = self.directory / "server.log"

    @property
    def config_file(self) -> Path:
        """The path of the server's configuration."""
        return self.directory / "server" / "LGI_server.cfg"

    def set_up(self, database: str, *words: str) -> None:
        """Set the server up as LGI_setup does, in this process: a start would take a third of a second."""
        command = self.setup_command(database, *words)
        done = CliRunner().invoke(setup, command, prog_name="LGI_setup", catch_exceptions=False)
        assert done.exit_code == 0, done.output

    def setup_command(self, database: str, *words: str) -> list[str]:
        """Return the words after LGI_setup."""
        return [
            str(self.directory / "server"),
            f"--url={self.url}",
            f"--listen=127.0.0.1:{self.port}",
            f"--project={self.project}",
            f"--database={database}",
            f"--certificates={self.people.authority.directory}",
            f"--server-name={self.server_name}",
            *words,
        ]

    def change_settings(self, settings: Mapping[str, str]) -> None:
        text = changed(self.config_file.read_text(), settings)
        # A setting of the project; where it is not set is tried without a server.
        self.config_file.write_text(text.replace("# attach = no", "attach = yes"))

    def start(self) -> None:
        """Start the server and return when it accepts connections."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [BIN / "LGI_server", "--without-scheduler", self.config_file],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self.listens)

    def listens(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(self.log.read_text()[-3000:])
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """Stop the server."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(60)
            self.process = None

    def remove(self) -> None:
        """Stop the server and remove its files."""
        self.stop()
        # Of a server that was killed and not started again.
        metrics.remove_abandoned(Path("/dev/shm"))
        self.database.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def clear(self) -> None:
        """Empty the project: only this master server is left, and every user may have any number of jobs."""

        def work(transaction: Transaction) -> None:
            for table in TABLES:
                transaction.run(f"DELETE FROM {table}")
            # Of a test that restored it.
            transaction.run("DELETE FROM turns WHERE name LIKE 'restored%%'")
            self.register(transaction)

        self.database.run(work)
        # Tests look through all files: those of thousands of tests before would cost each of them a second.
        for folder in self.config.repository.glob("[0-9a-f]*"):
            shutil.rmtree(folder, ignore_errors=True)

    def register(self, transaction: Transaction) -> None:
        """Make this server the master of a project without servers, and allow every user to submit."""
        certificate = (self.people.authority.directory / f"{self.server_name}.crt").read_text()
        master = NewResource(self.server_name, self.url, certificate, 1)
        administration.set_up(transaction, master, ("user", "any", "any", 0))

    def rows(self, sql: str, *parameters: object) -> list[Mapping[str, object]]:
        """Return the rows of a query on the database, without the server."""
        return [
            dict(row)
            for row in self.database.run(lambda transaction: transaction.rows(sql, *parameters), write=False)
        ]

    def run(self, sql: str, *parameters: object) -> int:
        """Change the database without the server."""
        return self.database.run(lambda transaction: transaction.run(sql, *parameters))

    def set_job(self, job_id: int, **columns: object) -> None:
        """Change a job in the database, in both tables that have its state and time stamp."""
        for column, value in columns.items():
            self.run(f"UPDATE job_queue SET {column} = %s WHERE job_id = %s", value, job_id)
        for column, where in (
            ("state", "role <> 'target'"),
            ("state_time_stamp", "role IN ('read', 'part', 'label')"),
            ("application", "role <> ''"),
        ):
            if column in columns:
                sql = f"UPDATE job_access SET {column} = %s WHERE job_id = %s AND {where}"
                self.run(sql, columns[column], job_id)
        changed = self.database.run(lambda transaction: jobs.find(transaction, job_id), write=False)
        if changed is not None:
            sql = "UPDATE job_access SET ended = %s WHERE job_id = %s AND role IN ('read', 'part', 'label')"
            self.run(sql, changed.ended, job_id)

    def client(self, issued: Issued) -> Client:
        """Return a client with a certificate."""
        return Client(self.url, self.people.credentials(issued))

    def user(
        self, name: str = "mark@laptop", groups: tuple[str, ...] | None = ("theor", "cyttron")
    ) -> "UserCalls":
        """Return the calls of a user of the project."""
        client = self.client(self.people.user(name, groups))
        return UserCalls(client, name, (groups or (name,))[0], self.project)

    def resource(self, name: str = "res1@cluster", capabilities: str = CAPABILITIES) -> ResourceCalls:
        """Return the calls of a registered resource that has signed up."""
        issued = self.people.resource(name)
        known = self.rows("SELECT resource_id FROM active_resources WHERE resource_name = %s", name)
        if not known:
            new = NewResource(name, name, issued.certificate.read_text())
            self.database.run(lambda transaction: registration.add_resource(transaction, new, "any"))
        calls = ResourceCalls(self.client(issued), self.project)
        calls.sign_up(capabilities)
        return calls


AnyGrid = TypeVar("AnyGrid", bound=Grid)


@contextmanager
def running(made: AnyGrid, cleared: bool = True) -> Iterator[AnyGrid]:
    """Run a grid during a block; by default its project is emptied and every user allowed."""
    try:
        made.start()
        if cleared:
            made.clear()
        yield made
    finally:
        made.remove()


@dataclass
class UserCalls:
    """The calls of a user, as a program would post them."""

    client: Client
    name: str
    groups: str
    project: str = PROJECT

    def post(self, call: str, files: tuple[Path, ...] = (), **fields: str) -> Reply:
        """Make an interface call with the usual fields."""
        usual = {"project": self.project, "user": self.name, "groups": self.groups}
        return self.client.post(f"interfaces/{call}", usual | fields, files)

    def submit(self, files: tuple[Path, ...] = (), **fields: str) -> int:
        """Submit a job and return its id."""
        usual = {"application": "hello_world", "target_resources": "any"}
        return self.post("interface_submit_job", files, **(usual | fields)).number("job", "job_id")

    def state(self, job_id: int) -> str:
        """Return the state of a job."""
        return self.post("interface_job_state", job_id=str(job_id)).value("job", "state")

    def delete(self, job_id: int) -> Reply:
        """Delete or abort a job."""
        return self.post("interface_delete_job", job_id=str(job_id))

    def refusal(self, call: str, **fields: str) -> int:
        """Return the error number of a refused call, 0 for an accepted one."""
        try:
            self.post(call, **fields)
        except ServerError as error:
            return error.number
        return 0
