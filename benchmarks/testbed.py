"""The measured system: a project server with two workers, its database, and certificates of callers."""

import shutil
import tempfile
from collections.abc import Iterator
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
# A resource that never requests work, as the target of jobs for lists.
ELSEWHERE = "elsewhere@cluster"
PAGE = 10
CLIENTS = 1000
# The buffer pool of a small production server, in MB; every commit is synced to disk. The redo log has the
# default size of MariaDB: with that of the tests changed pages are written several times as often.
BUFFERS = 256
SETTINGS = (
    "SET GLOBAL innodb_flush_log_at_trx_commit = 1",
    f"SET GLOBAL innodb_log_file_size = {96 * 1024 * 1024}",
)


class Testbed:
    """A running grid, a load generator for it, and the job whose details are requested."""

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
        """Write key and certificate into one file, as the generator reads them."""
        pem = self._certificates / f"{name}.pem"
        pem.touch(0o600)
        pem.write_bytes(issued.key.read_bytes() + issued.certificate.read_bytes())

    def certificate(self, name: str) -> str:
        """Return the file of a caller; ``{client}`` in a name is not replaced."""
        return f"{self._certificates}/{name}.pem"

    def _job_with_files(self, directory: Path) -> int:
        files = tuple(directory / name for name in ("input.dat", "parameters.txt"))
        for path in files:
            path.write_bytes(b"x" * 1000)
        return self.reader.submit(files, input="78" * 100)

    def _fill_a_page(self) -> None:
        """Submit a page of jobs of the reader, so that the length of answers does not depend on the queue."""
        self.grid.resource(ELSEWHERE).sign_off()
        for _ in range(PAGE - 1):
            self.reader.submit(target_resources=ELSEWHERE, input="78" * 100)

    def fill(self, jobs: int) -> None:
        """Queue more jobs."""
        filling.fill(self.grid, jobs, READER)
        self._last = filling.last_job(self.grid)

    @contextmanager
    def short_queue(self, jobs: int) -> Iterator[None]:
        """Queue jobs during a block, as `fill` does, so that as many can be offered as on the full queue."""
        if jobs:
            filling.fill(self.grid, jobs, READER)
        try:
            yield
        finally:
            if jobs:
                self.restore()

    def restore(self) -> None:
        """Delete the jobs submitted since the queue was filled, and their repositories."""
        filling.forget_after(self.grid, self._last)
        rows = self.grid.rows("SELECT repository FROM job_queue WHERE job_id <= %s", self.job + PAGE)
        kept = {row["repository"] for row in rows}
        for directory in self.grid.config.repository.glob("???/JOB_*"):
            if directory.name not in kept:
                shutil.rmtree(directory, ignore_errors=True)

    def limit(self, jobs: int) -> None:
        """Limit the jobs of each user and application; 0 is no limit, and jobs are not counted."""
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
        """Return the numbers of locks and sessions that are left, and of finished jobs."""
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
def testbed(database: str, buffers: int) -> Iterator[Testbed]:
    """Provide a running testbed on ``mariadb``, with a number of MB of buffers, or ``sqlite``.

    Raises MissingProgramError.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lgi-bench-")))
        address, process = stack.enter_context(database_of(database, buffers))
        grid = Grid(address, {"workers": "2"})
        stack.callback(grid.remove)
        generator = Generator(directory, grid.url, grid.people.authority.ca_file)
        grid.start()
        yield Testbed(grid, process, generator, directory)


@contextmanager
def database_of(kind: str, buffers: int = BUFFERS) -> Iterator[tuple[str, int]]:
    """Return the address of an empty database and the process of our own server; None for SQLite.

    ``buffers`` is in MB. Set it once: MariaDB refuses another size until it has applied the first one.
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
            for setting in (resize, *SETTINGS):
                admin.cursor().execute(setting)
        yield server.create_database("LGI"), int((server.directory / "pid").read_text())
    finally:
        server.remove()
