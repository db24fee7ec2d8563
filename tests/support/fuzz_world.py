"""A project server whose tables are compared and put back around each odd form."""

import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import requests

from lgi_protocol.client import Client
from lgi_server.tables import event_queue
from lgi_tools.certificates.entity import Issued
from tests.support import running_jobs
from tests.support.forms import Body
from tests.support.fuzz_calls import JOBS, SESSIONS, STREAM, Call
from tests.support.grid import TABLES, Grid

# What is stored behind the answers, also to calls that are refused.
TIMES = {"last_call_time", "session_timestamp", "session_time_stamp", "daemon_pulse", "asked"}
# Events that are stored up to a second after the call that wants them.
DEFERRED = {event_queue.SCHEDULE_CYCLE, event_queue.RELEASE_HOLDS, event_queue.SETTLE_DEPENDENTS}
Rows = Mapping[str, list[tuple[object, ...]]]


class World:
    """A project server with jobs in each state, which is put back after each call that changed something."""

    def __init__(self, grid: Grid, directory: Path) -> None:
        self.grid = grid
        self.clients = self._callers(directory)
        self._connection = sqlite3.connect(
            grid.config_file.parent / "LGI.sqlite", timeout=30, isolation_level=None
        )
        self._columns = {table: self._columns_of(table) for table in TABLES if table != "web_sessions"}
        self.first = self.rows()
        self._log_size = 0
        self.new_log()

    def _callers(self, directory: Path) -> Mapping[str, Client]:
        grid = self.grid
        own = running_jobs.started(grid, directory)
        idle, user = grid.resource("res2@cluster"), grid.user()
        grid.set_job(user.submit(), state="finished")
        user.submit()
        offer = own.resource.request_work("hello_world", 0, 1)
        text = f"<daemon_reference> {running_jobs.REFERENCE} </daemon_reference>"
        locked, target = offer.jobs[0].job_id, offer.resource
        own.resource.update(locked, state="running", target_resources=target, job_specifics=text)
        queued = str(user.submit())
        user.post("interface_create_token")
        grid.run("UPDATE running_locks SET lock_time = 0")
        grid.run("UPDATE job_queue SET repository = ''")
        for job_id in JOBS.values():
            grid.run("INSERT INTO job_tails (job_id, asked, tail) VALUES (%s, %s, %s)", job_id, 2**40, b"")
        times = ("begun", "user_seen", "daemon_seen", "used")
        grid.run(
            f"INSERT INTO attach_sessions (session_token, job_id, user_name, {', '.join(times)},"
            " input_waiting, output_waiting) VALUES (%s, %s, 'mark@laptop', %s, %s, %s, %s, '', '')",
            *(STREAM["session"], locked, *[2**40] * len(times)),
        )
        assert (own.job_id, locked, queued) == (JOBS["own"], JOBS["locked"], JOBS["queued"])
        assert {"holder": own.resource.session_id, "idle": idle.session_id} == SESSIONS
        certificate = grid.people.authority.directory / f"{grid.server_name}.crt"
        server = grid.client(Issued(certificate, certificate.with_suffix(".key")))
        resources = {"holder": own.resource.client, "idle": idle.client}
        return {"user": user.client, "server": server, "job": own.client, **resources}

    def _columns_of(self, table: str) -> str:
        """The columns that the database does not make itself."""
        rows = self._connection.execute(f"PRAGMA table_info({table})").fetchall()
        return ", ".join(name for _, name, *_ in rows)

    def rows(self) -> Rows:
        """Everything that is stored, and the directories of the repositories."""
        read = self._connection.execute
        found: dict[str, list[tuple[object, ...]]] = {
            table: read(f"SELECT {columns} FROM {table} ORDER BY rowid").fetchall()
            for table, columns in self._columns.items()
        }
        return found

    def lasting(self, rows: Rows) -> Rows:
        """Rows without the times that a refused call may set too, and the events of calls before it."""
        kept = {}
        for table, columns in self._columns.items():
            stay = [index for index, name in enumerate(columns.split(", ")) if name not in TIMES]
            lasting = [row for row in rows[table] if DEFERRED.isdisjoint(row)]
            kept[table] = [tuple(row[index] for index in stay) for row in lasting]
        return kept

    def repositories(self) -> set[Path]:
        """The repositories, and files on their way to one."""
        return set(self.grid.config.repository.rglob("*"))

    def put_back(self) -> None:
        """Store the rows of the beginning, whose jobs have no repositories."""
        now, run = self.rows(), self._connection.execute
        run("BEGIN IMMEDIATE")
        for table, columns in self._columns.items():
            if now[table] != self.first[table]:
                run(f"DELETE FROM {table}")
                places = ", ".join("?" for _ in columns.split(", "))
                sql = f"INSERT INTO {table} ({columns}) VALUES ({places})"
                self._connection.executemany(sql, self.first[table])
        run("COMMIT")
        for repository in self.grid.config.repository.glob("*/JOB_*"):
            shutil.rmtree(repository)

    def new_log(self) -> str:
        """What the server has logged since the last time."""
        with self.grid.log.open("rb") as log:
            log.seek(self._log_size)
            text = log.read()
        self._log_size += len(text)
        return text.decode()

    def post(self, call: Call, body: Body) -> requests.Response:
        """The answer to a body."""
        session = self.clients[call.caller].session
        headers = {"Content-Type": body.content_type}
        return session.post(f"{self.grid.url}/{call.path}", data=body.content, headers=headers, timeout=100)

    def close(self) -> None:
        """Close all connections."""
        self._connection.close()
        for client in self.clients.values():
            client.close()
