"""Dask distributed: a scheduler, a worker for each processor; a job is a call of a Python function."""

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from typing import Any

from benchmarks.peers.system import JOB, OUTPUT, System, shell, until


class Dask(System):
    """The slots are the threads of all workers; `true` and `echo` are processes."""

    polls = False

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.futures: list[Any] = []

    @staticmethod
    def missing() -> str:
        """Return the name of the package when it is missing."""
        return "" if importlib.util.find_spec("distributed") else "distributed"

    @staticmethod
    def version() -> str:
        """Return the version of the package."""
        return f"Dask distributed {importlib.metadata.version('distributed')}"

    def start(self, slots: int) -> None:
        """Start scheduler and workers as processes of their own."""
        from distributed import Client

        address = self.directory / "scheduler.json"
        workers = min(slots, os.cpu_count() or 1)
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", address)
        until(address.exists)
        counts = ("--nworkers", workers, "--nthreads", slots // workers)
        self._start("worker", "--host", "127.0.0.1", "--no-dashboard", *counts, address)
        self.client: Any = Client(scheduler_file=str(address), set_as_default=False)
        self.client.wait_for_workers(workers, timeout=60)

    def _start(self, role: str, *words: object) -> None:
        with (self.directory / f"{role}.log").open("wb") as log:
            command = [sys.executable, "-m", "dask", role, "--scheduler-file", str(words[-1])]
            self.processes.append(
                subprocess.Popen(  # noqa: S603 - the package's own
                    [*command, *map(str, words[:-1])],
                    cwd=self.directory,
                    stdout=log,
                    stderr=log,
                )
            )

    def submit(self) -> None:
        """Submit one call; it returns a future."""
        self.futures.append(self.client.submit(shell, JOB, pure=False))

    def submit_many(self, jobs: int) -> None:
        """Submit many calls at once."""
        self.futures += self.client.map(shell, [JOB] * jobs, pure=False)

    def wait(self) -> None:
        """Fetch all results."""
        if set(self.client.gather(self.futures)) != {OUTPUT}:
            raise AssertionError("not every job has said hello")
        self.futures.clear()

    def once(self) -> None:
        """Submit and wait for the result."""
        self.client.submit(shell, "true", pure=False).result()

    def stop(self) -> None:
        """End client, workers and scheduler."""
        if hasattr(self, "client"):
            self.client.close()
        for process in reversed(self.processes):
            process.terminate()
            process.wait(20)
        super().stop()
