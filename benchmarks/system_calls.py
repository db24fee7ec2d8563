"""Counts processes and fsyncs of a program and all it starts, from what ``strace`` writes."""

import re
import subprocess
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAM = "strace"
_TRACED = "execve,clone,clone3,fork,vfork,fsync,fdatasync"
# A failed execve is a look into a directory of PATH. A call that another one interrupts has two lines.
_EXEC = re.compile(r"^\d+ +(execve\(.*|<\.\.\. execve resumed>.*) = 0$", re.MULTILINE)
_FORK = re.compile(r"^\d+ +(?:clone3?|v?fork)\((?!.*CLONE_THREAD)", re.MULTILINE)
_SYNC = re.compile(r"^\d+ +f(?:data)?sync\(", re.MULTILINE)


@dataclass(frozen=True)
class Counts:
    """How many programs were started, processes made and files written to the disk."""

    execs: float
    forks: float
    syncs: float

    @classmethod
    def read(cls, trace: Path) -> "Counts":
        """Count what is in a file of strace so far."""
        text = trace.read_text("utf-8", "replace")
        return cls(*(len(pattern.findall(text)) for pattern in (_EXEC, _FORK, _SYNC)))

    def since(self, before: "Counts", jobs: int) -> "Counts":
        """Return the counts per job between two looks."""
        pairs = zip(vars(self).values(), vars(before).values(), strict=True)
        return Counts(*((now - then) / jobs for now, then in pairs))


def traced(trace: Path) -> list[str]:
    """Return the words in front of a command by which its calls are written to a file."""
    # Only the calls that are counted stop the program, which keeps its number (-D).
    return [PROGRAM, "-D", "-f", "--seccomp-bpf", *_words(trace), "--"]


@contextmanager
def attached(found: Collection[int], trace: Path) -> Iterator[None]:
    """Write the calls of running processes to a file while a block runs."""
    words = [word for process in found for word in ("-p", str(process))]
    with subprocess.Popen([PROGRAM, "-f", *_words(trace), *words]) as tracer:  # noqa: S603 - our own words
        try:
            while not trace.exists():
                time.sleep(0.05)
            yield
        finally:
            tracer.terminate()


def _words(trace: Path) -> list[str]:
    return ["-qq", "-e", f"trace={_TRACED}", "-e", "signal=none", "-o", str(trace)]
