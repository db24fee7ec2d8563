"""GNU parallel: one program that reads commands, runs them and prints their outputs; there is no server."""

import subprocess
from collections.abc import Sequence

from benchmarks.peers.system import JOB, OUTPUT, System, first_line, lacking


class Parallel(System):
    """A line is a job. Its queue is a pipe, its results are in a file."""

    def __init__(self) -> None:
        super().__init__()
        self.output = self.directory / "output"
        self.slots = 0
        self.submitted = 0
        self.process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def missing() -> str:
        """Return the name of the program when it is missing."""
        return lacking("parallel")

    @staticmethod
    def version() -> str:
        """Return the version of the program."""
        return first_line("parallel", "--version")

    def start(self, slots: int) -> None:
        """Start nothing yet; parallel ends with its jobs."""
        self.slots = slots

    def _reader(self) -> subprocess.Popen[bytes]:
        """Return the program that reads jobs, started if it is not there."""
        if self.process is None:
            with self.output.open("wb") as output:
                self.process = subprocess.Popen(  # noqa: S603 - the measured program
                    ["parallel", "--will-cite", "-j", str(self.slots)],  # noqa: S607
                    stdin=subprocess.PIPE,
                    stdout=output,
                    cwd=self.directory,
                )
        return self.process

    def _write(self, jobs: int) -> None:
        queue = self._reader().stdin
        if queue is None:
            raise AssertionError("parallel has no standard input")
        queue.write(f"{JOB}\n".encode() * jobs)
        queue.flush()
        self.submitted += jobs

    def submit(self) -> None:
        """Write one line."""
        self._write(1)

    def submit_many(self, jobs: int) -> None:
        """Write all lines at once."""
        self._write(jobs)

    def wait(self) -> None:
        """End the list, wait for the program and count the outputs."""
        self._reader().communicate()
        if self.output.read_bytes() != OUTPUT * self.submitted:
            raise AssertionError(f"{self.submitted} jobs said {self.output.read_bytes()[:200]!r}")
        self.process, self.submitted = None, 0

    def run_command(self) -> Sequence[str]:
        """Return the command for one job."""
        return ["parallel", "--will-cite", ":::", "true"]

    def stop(self) -> None:
        """End the program if it is still reading."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
        super().stop()
