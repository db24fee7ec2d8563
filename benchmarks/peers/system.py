"""What each measured system can do. There is one file beside this one for each of them."""

import os
import shutil
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# A job is one line of shell; its output is checked.
JOB = "echo hello"
OUTPUT = b"hello\n"
LONGEST = 900.0
POLL = 0.02
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


class System(ABC):
    """A system that runs jobs on this machine, with its own files, ports and processes.

    ``in_program``: a part of it is in the program of its user, whose memory then counts. The processor time
    of that program counts while it submits, and while it waits unless it ``polls``, which is our way to wait.
    """

    in_program = False
    polls = True

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="lgi-peer-"))
        self.directory.chmod(0o755)

    @staticmethod
    def missing() -> str:
        """Return the programs or packages that this machine lacks; empty when there are all."""
        return ""

    @staticmethod
    def version() -> str:
        """Return the name and version to print."""
        return ""

    @abstractmethod
    def start(self, slots: int) -> None:
        """Start it; return when it can run ``slots`` jobs at once."""

    @abstractmethod
    def submit(self) -> None:
        """Submit one job, in the way of a program that submits one after the other."""

    @abstractmethod
    def submit_many(self, jobs: int) -> None:
        """Submit jobs in the way that the system has for many at once."""

    @abstractmethod
    def wait(self) -> None:
        """Return when all submitted jobs are done. AssertionError unless each has said hello."""

    def settle(self) -> None:
        """Return when nothing is left to do for ended jobs; by default that is so after `wait`."""
        return

    def once(self) -> None:
        """Run `true` from a program, and return when its end is known; by default with the command for it."""
        self.run(self.run_command())

    def run_command(self) -> Sequence[str]:
        """Return the command that runs `true` and ends with it; empty if there is none."""
        return ()

    def submit_command(self) -> Sequence[str]:
        """Return the command that submits a job; empty if there is none."""
        return ()

    def hold(self, jobs: int) -> None:
        """Queue jobs that wait, to be listed; by default as any others."""
        self.submit_many(jobs)

    def list_command(self) -> Sequence[str]:
        """Return the command that lists all waiting jobs, one a line; empty if there is none."""
        return ()

    def environment(self) -> Mapping[str, str]:
        """Return the variables that commands need."""
        return {}

    def stop(self) -> None:
        """End it and remove its files."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def run(self, words: Sequence[str], input: str = "") -> str:
        """Run a command and return what it prints. AssertionError when it fails."""
        done = subprocess.run(  # noqa: S603 - of the measured systems
            words,
            env={**os.environ, **self.environment()},
            cwd=self.directory,
            input=input,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST,
        )
        if done.returncode:
            raise AssertionError(f"{words}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        return done.stdout


class OutputFiles:
    """The outputs of jobs, a file for each; each file is looked at until it is complete."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        self._complete: set[str] = set()

    def count(self) -> int:
        """Return how many outputs are complete. AssertionError for a longer one."""
        for entry in os.scandir(self.directory):
            if entry.name not in self._complete and (size := entry.stat().st_size) >= len(OUTPUT):
                if size > len(OUTPUT):
                    raise AssertionError(f"{entry.path}: {Path(entry.path).read_bytes()[:200]!r}")
                self._complete.add(entry.name)
        return len(self._complete)


def shell(command: str) -> bytes:
    """Run a command of the shell and return its output: the job of systems that run Python functions."""
    return subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, check=True).stdout  # noqa: S603, S607


def first_line(*command: str) -> str:
    """Return the first line that a command prints, empty when there is no such command."""
    path = shutil.which(command[0], path=_PATH)
    if path is None:
        return ""
    done = subprocess.run([path, *command[1:]], capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.partition("\n")[0].strip()


def lacking(*programs: str) -> str:
    """Return those of some programs that are not there."""
    return ", ".join(name for name in programs if shutil.which(name, path=_PATH) is None)


def until(is_so: Callable[[], bool], pause: float = POLL) -> None:
    """Return when a condition holds. Raises TimeoutError."""
    deadline = time.monotonic() + LONGEST
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"still not so after {LONGEST:g} s")
        time.sleep(pause)
