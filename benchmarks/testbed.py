"""What is measured: a project server with two workers, a database of its own, everybody's certificates."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pymysql

from benchmarks import filling, processes
from benchmarks.generator import Generator, MissingProgramError
from benchmarks.processes import Used
from lgi_server.services.project import administration
from lgi_tools.certificates.ca import Issued
from tests.support import mariadb
from tests.support.grid import Grid, UserCalls
from tests.support.mariadb import PrivateMariaDB

READER, NOBODY = "mark@laptop", "new@laptop"
RESOURCES = 16
# A resource that never asks, for jobs that only lists are to show.
ELSEWHERE = "elsewhere@cluster"
PAGE = 10
CLIENTS = 1000
# As a small production server has it, in MB; every commit is on the disk before it is answered.
BUFFERS = 256
SETTINGS = ("SET GLOBAL innodb_flush_log_at_trx_commit = 1",)


class Testbed:
    """A running grid, a generator aimed at it, and the job whose details are asked for."""

    def __init__(self, grid: Grid, database: int, generator: Generator, directory: Path) -> None:
        """Register users and resources; ``database`` is the process id of MariaDB, or 0."""
        self.grid = grid
        self._database = database
        self.generator = generator
        self._certificates = directory
        grid.clear()
        self.reader = self._user(READER)
        self._user(NOBODY)
        for number in range(1, RESOURCES + 1):
            self._resource(number)
        for number in range(RESOURCES + 1, CLIENTS + 1):
            # More clients than resources share their certificates.
            link = directory / f"res{number}@cluster.pem"
            link.symlink_to(f"res{(number - 1) % RESOURCES + 1}@cluster.pem")
        self.job = self._job_with_files(directory)
        self._fill_a_page()
        self._last = filling.last_job(grid)

    def _user(self, name: str) -> UserCalls:
        self._keep(name, self.grid.people.user(name, (name,)))
        return self.grid.user(name, (name,))

    def _resource(self, number: int) -> None:
        name = f"res{number}@cluster"
        self.grid.resource(name).sign_off()
        self._keep(name, self.grid.people.resource(name))

    def _keep(self, name: str, issued: Issued) -> None:
        """Key and certificate in one file, which is how the generator wants them."""
        pem = self._certificates / f"{name}.pem"
        pem.touch(0o600)
        pem.write_bytes(issued.key.read_bytes() + issued.certificate.read_bytes())

    def certificate(self, name: str) -> str:
        """Return the file of a caller; ``{client}`` in a name is kept."""
        return f"{self._certificates}/{name}.pem"

    def _job_with_files(self, directory: Path) -> int:
        files = tuple(directory / name for name in ("input.dat", "parameters.txt"))
        for path in files:
            path.write_bytes(b"x" * 1000)
        return self.reader.submit(files, input="78" * 100)

    def _fill_a_page(self) -> None:
        """Give the reader a whole page: an answer is as long on the empty queue as on the full one."""
        self.grid.resource(ELSEWHERE).sign_off()
        for _ in range(PAGE - 1):
            self.reader.submit(target_resources=ELSEWHERE, input="78" * 100)

    def fill(self, jobs: int) -> None:
        """Queue so many jobs more."""
        filling.fill(self.grid, jobs, READER)
        self._last = filling.last_job(self.grid)

    @contextmanager
    def short_queue(self, jobs: int) -> Iterator[None]:
        """So many jobs, below 1,000, while a block goes on: to hand out as many as on the full queue."""
        if jobs:
            filling.fill(self.grid, jobs, READER)
        try:
            yield
        finally:
            if jobs:
                self.restore()

    def restore(self) -> None:
        """Forget what was submitted since the queue was filled, repositories too."""
        filling.forget_after(self.grid, self._last)
        rows = self.grid.rows("SELECT repository FROM job_queue WHERE job_id <= %s", self.job + PAGE)
        kept = {row["repository"] for row in rows}
        for directory in self.grid.config.repository.glob("???/JOB_*"):
            if directory.name not in kept:
                shutil.rmtree(directory, ignore_errors=True)

    def limit(self, jobs: int) -> None:
        """Allow every user so many jobs of each application; 0 is without end, and nothing is counted."""
        self.grid.database.run(
            lambda transaction: administration.allow(transaction, "user", "any", "any", jobs, servers="any")
        )

    def used(self) -> Used:
        """Return the processor time of server and database so far."""
        process = self.grid.process
        return processes.used(process.pid if process else -1, self._database)

    def highest_memory(self) -> int:
        """Return the peak memory of a worker of the server in bytes."""
        process = self.grid.process
        return processes.highest(process.pid if process else -1)

    def leftovers(self) -> dict[str, int]:
        """Return what finished jobs may leave behind, and the number of finished jobs."""
        questions = {
            "finished": "job_queue WHERE state = 'finished'",
            "running": "job_queue WHERE state = 'running'",
            "lock_state": "job_queue WHERE lock_state > 0",
            "locks": "running_locks",
            "sessions": "running_sessions",
        }
        return {
            name: int(str(self.grid.rows(f"SELECT COUNT(*) AS n FROM {rest}")[0]["n"]))  # noqa: S608
            for name, rest in questions.items()
        }


@contextmanager
def testbed(database: str) -> Iterator[Testbed]:
    """A running testbed on ``mariadb`` or ``sqlite``, removed at the end. Raises MissingProgramError."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lgi-bench-")))
        address, process = stack.enter_context(database_of(database))
        grid = Grid(address, {"workers": "2"})
        stack.callback(grid.remove)
        generator = Generator(directory, grid.url, grid.people.authority.ca_file)
        grid.start()
        yield Testbed(grid, process, generator, directory)


@contextmanager
def database_of(
    kind: str, buffers: int = BUFFERS, settings: Sequence[str] = SETTINGS
) -> Iterator[tuple[str, int]]:
    """Return the address of an empty database and the process of our own server; None for SQLite.

    ``buffers`` is in MB. Told once: MariaDB refuses another size until it has changed to the first one.
    """
    if kind == "sqlite":
        yield "sqlite:LGI.sqlite", 0
        return
    if mariadb.missing():
        raise MissingProgramError(
            f"{mariadb.missing()} is missing: install mariadb-server, or use --database sqlite"
        )
    server = PrivateMariaDB()
    try:
        server.install()
        server.start()
        with pymysql.connect(unix_socket=str(server.socket), user=server.admin, ssl_disabled=True) as admin:
            resize = f"SET GLOBAL innodb_buffer_pool_size = {buffers * 1024 * 1024}"
            for setting in (resize, *settings):
                admin.cursor().execute(setting)
        yield server.create_database("LGI"), int((server.directory / "pid").read_text())
    finally:
        server.remove()
