"""Parsl's HighThroughputExecutor with local workers; a job is a `bash_app`, its output goes to a file."""

import importlib.metadata
import importlib.util
import os
import sys
from concurrent.futures import Future
from pathlib import Path

from benchmarks.peers.system import JOB, OUTPUT, System


def _echo(stdout: str) -> str:
    return JOB


def _true(stdout: str) -> str:
    return "true"


class Parsl(System):
    """An executor with one block; its kernel runs in the program of the user."""

    in_program = True
    polls = False

    def __init__(self) -> None:
        super().__init__()
        self.futures: list[tuple[Path, Future[int]]] = []
        self.number = 0

    @staticmethod
    def missing() -> str:
        """Return the name of the package when it is missing."""
        return "" if importlib.util.find_spec("parsl") else "parsl"

    @staticmethod
    def version() -> str:
        """Return the version of the package."""
        return f"Parsl {importlib.metadata.version('parsl')}"

    def start(self, slots: int) -> None:
        """Start interchange and workers, and wait for the first job."""
        import parsl
        from parsl.executors import HighThroughputExecutor
        from parsl.providers import LocalProvider

        # Parsl finds its own programs by name.
        os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        executor = HighThroughputExecutor(
            label="htex",
            address="127.0.0.1",
            max_workers_per_node=slots,
            cores_per_worker=1e-6,
            encrypted=False,
            provider=LocalProvider(init_blocks=1, max_blocks=1),
        )
        self.kernel = parsl.load(
            parsl.Config(executors=[executor], run_dir=str(self.directory / "run"), strategy="none")
        )
        self.echo = parsl.bash_app(_echo)
        self.true = parsl.bash_app(_true)
        self.once()

    def submit(self) -> None:
        """Call the app; it returns a future."""
        self.number += 1
        path = self.directory / str(self.number)
        self.futures.append((path, self.echo(stdout=str(path))))

    def submit_many(self, jobs: int) -> None:
        """Call the app for each job: there is no other way."""
        for _job in range(jobs):
            self.submit()

    def wait(self) -> None:
        """Wait for all futures, and read the outputs."""
        for path, future in self.futures:
            if future.result() != 0 or path.read_bytes() != OUTPUT:
                raise AssertionError(f"{path}: {path.read_bytes()!r}")
        self.futures.clear()

    def once(self) -> None:
        """Call the app and wait for its future."""
        self.true(stdout="/dev/null").result()

    def stop(self) -> None:
        """End workers and interchange."""
        if hasattr(self, "kernel"):
            self.kernel.cleanup()
        super().stop()
