"""Functions that run the commands of the demo and wait for their effects."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def say(text: str) -> None:
    """Print the heading of a step."""
    print(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


class DemoError(Exception):
    """A step of the demo failed."""


def run_command(words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run one of our commands and wait for its end."""
    command = [BIN / words[0], *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def free_port() -> int:
    """Return a TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Return whether a process listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def line_of(text: str, label: str) -> str:
    """Return the text after a label in the output of a tool; empty without the label."""
    lines = [line.partition(": ")[2] for line in text.splitlines() if line.startswith(label.ljust(22) + ":")]
    return lines[0].strip() if lines else ""


def wait_until(condition: object, what: str, seconds: float = 60.0) -> None:
    """Return when a condition is true; raise DemoError after ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            raise DemoError(f"timeout after {seconds:.0f} s: waited until {what}")
        time.sleep(0.1)


def processes_in(directory: Path) -> list[int]:
    """Return the processes that work in a directory or below it, as jobs that a failed demo has left."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if Path(os.readlink(entry)).is_relative_to(directory):
                found.append(int(entry.parent.name))
    return found


def end_by_signals() -> None:
    """End by a signal as by Ctrl-C: first all is stopped and removed, which a second signal does not stop."""
    for number in ENDING:
        signal.signal(number, _end)


def _end(number: int, _frame: object) -> None:
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)
