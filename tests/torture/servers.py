"""The servers of a torture test: database, project server and scheduler. Faults kill and restart them."""

import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from tests.support.grid import BIN, Grid
from tests.support.mariadb import PrivateMariaDB

# The size of the file system for the repositories, in bytes.
DISK = 64 * 1024 * 1024


class Servers:
    """The servers of one grid. Methods may be called from several threads; one runs at a time."""

    def __init__(self, grid: Grid, database: PrivateMariaDB | None) -> None:
        """Take a grid that is not started."""
        self.grid = grid
        self._database = database
        self._guard = threading.RLock()
        self._scheduler: subprocess.Popen[bytes] | None = None
        self.has_disk = False

    def start(self) -> None:
        """Start all servers that do not run, the database first."""
        with self._guard:
            if self._database is not None and not self._database.answers():
                self._database.start()
            if self.grid.process is None or self.grid.process.poll() is not None:
                self.grid.start()
            if self._scheduler is None or self._scheduler.poll() is not None:
                with (self.grid.directory / "scheduler.log").open("ab") as log:
                    self._scheduler = subprocess.Popen(
                        [BIN / "LGI_scheduler", self.grid.config_file],
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )

    def kill_worker(self, choice: float) -> None:
        """Kill one worker of the server with SIGKILL; ``choice`` from 0 to 1 selects it."""
        with self._guard:
            workers = self._workers()
            if workers:
                with suppress(OSError):
                    os.kill(workers[int(choice * len(workers)) % len(workers)], signal.SIGKILL)

    def _workers(self) -> list[int]:
        if self.grid.process is None:
            return []
        children = Path(f"/proc/{self.grid.process.pid}/task/{self.grid.process.pid}/children")
        with suppress(OSError):
            return [int(child) for child in children.read_text().split()]
        return []

    def kill_server(self) -> None:
        """Kill the server and its workers with SIGKILL."""
        with self._guard:
            if self.grid.process is not None:
                with suppress(OSError):
                    os.killpg(self.grid.process.pid, signal.SIGKILL)
                self.grid.process.wait(60)

    def kill_scheduler(self) -> None:
        """Kill the scheduler with SIGKILL."""
        with self._guard:
            if self._scheduler is not None:
                self._scheduler.kill()
                self._scheduler.wait(60)

    def kill_database(self) -> None:
        """Kill MariaDB with SIGKILL; SQLite has no process."""
        with self._guard:
            if self._database is not None:
                self._database.kill()

    def mount(self) -> None:
        """Mount a small file system for the repositories where that is permitted."""
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=700", "torture"]
        done = subprocess.run([*command, self.grid.config.repository], check=False, capture_output=True)
        self.has_disk = done.returncode == 0

    def remove(self) -> None:
        """Stop all servers and remove their files."""
        with self._guard:
            self.kill_scheduler()
            self.grid.stop()
            if self.has_disk:
                subprocess.run(["umount", "-l", self.grid.config.repository], check=False)
            self.grid.remove()
            if self._database is not None:
                self._database.remove()

    def locked(self) -> dict[int, int]:
        """Return the existing locks: the job of each, by lock id."""
        rows = self.grid.rows("SELECT lock_id, job_id FROM running_locks")
        return {int(str(row["lock_id"])): int(str(row["job_id"])) for row in rows}

    def locked_for(self, seconds: float) -> list[int]:
        """Return the jobs whose present lock still exists after ``seconds``; return early when there is none.

        Daemons lock and unlock jobs all the time. A lock that stays was abandoned.
        """
        left = self.locked()
        end = time.monotonic() + seconds
        while left and time.monotonic() < end:
            time.sleep(0.5)
            now = self.locked()
            left = {lock: job for lock, job in left.items() if lock in now}
        return sorted(left.values())
