"""Celery with Redis as broker and store of results; a job is a task that starts a shell."""

import importlib.metadata
import importlib.util
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from benchmarks.peers.system import JOB, OUTPUT, System, first_line, lacking, until


class Celery(System):
    """A worker with as many processes as slots, and Redis with its default settings."""

    polls = False

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.results: list[Any] = []
        self.socket = self.directory / "redis.sock"

    @staticmethod
    def missing() -> str:
        """Return what is missing of package and server."""
        packages = [name for name in ("celery", "redis") if not importlib.util.find_spec(name)]
        return ", ".join(filter(None, [*packages, lacking("redis-server")]))

    @staticmethod
    def version() -> str:
        """Return the versions of package and server."""
        server = first_line("redis-server", "--version")
        return f"Celery {importlib.metadata.version('celery')}, {' '.join(server.split()[:3])}"

    def environment(self) -> Mapping[str, str]:
        """Return the variables by which client and workers find Redis and the application."""
        return {"PEER_REDIS": str(self.socket), "C_FORCE_ROOT": "1"}

    def start(self, slots: int) -> None:
        """Start Redis and the worker, and run one task."""
        os.environ.update(self.environment())
        self._start("redis-server", "--port", "0", "--unixsocket", str(self.socket), "--dir", ".")
        until(self._answers)
        worker = ["-A", "benchmarks.peers.celery_app", "worker", "-c", str(slots), "-l", "warning"]
        self._start(sys.executable, "-m", "celery", *worker)
        from benchmarks.peers import celery_app

        self.app = celery_app.app
        self.job = celery_app.job
        self.once()

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def _start(self, *words: str) -> None:
        with (self.directory / "log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(words, cwd=self.directory, stdout=log, stderr=log)  # noqa: S603
            )

    def submit(self) -> None:
        """Send one task."""
        self.results.append(self.job.delay(JOB))

    def submit_many(self, jobs: int) -> None:
        """Send a group of tasks."""
        from celery import group

        self.results += group(self.job.s(JOB) for _job in range(jobs)).apply_async().results

    def wait(self) -> None:
        """Fetch all results."""
        if {result.get(timeout=900) for result in self.results} != {OUTPUT.decode()}:
            raise AssertionError("not every job has said hello")
        self.results.clear()

    def once(self) -> None:
        """Send a task and wait for its result."""
        self.job.delay("true").get(timeout=60)

    def stop(self) -> None:
        """End worker and Redis."""
        if hasattr(self, "app"):
            with suppress(Exception):
                self.app.close()
        for process in reversed(self.processes):
            process.terminate()
            process.wait(20)
        super().stop()
