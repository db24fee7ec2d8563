"""A program at a terminal of its own, and a user who types."""

import os
import select
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence

from tests.packages.chroot import ENVIRONMENT


def converse(command: Sequence[str], typed: Mapping[str, str], seconds: float = 300.0) -> str:
    """Return what a command prints; ``typed`` has what is typed when a text appears, in this order.

    AssertionError when the command fails, says none of that, or lasts longer.
    """
    with Terminal(command, seconds) as terminal:
        for text, answer in typed.items():
            terminal.wait_for(text)
            terminal.type(answer)
        code = terminal.end()
    assert code == 0, f"{command[-1]}\n{terminal.output[-6000:]}"
    return terminal.output


class Terminal:
    """A program at a terminal: ``script`` of util-linux makes it."""

    def __init__(self, command: Sequence[str], seconds: float) -> None:
        self.output = ""
        self._end = time.monotonic() + seconds
        self._started = subprocess.Popen(
            ["script", "-qefc", shlex.join(command), "/dev/null"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=ENVIRONMENT,
            start_new_session=True,
        )

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self._started.kill()
        self._started.communicate()

    def wait_for(self, text: str) -> None:
        """Read until a text appears; AssertionError when it does not."""
        while text not in self.output:
            assert self._read(), f"no {text!r} in\n{self.output[-6000:]}"

    def type(self, line: str) -> None:
        """Type a line."""
        assert self._started.stdin is not None
        # The program flushes what was typed before it had turned the echo off.
        time.sleep(0.5)
        self._started.stdin.write(f"{line}\n".encode())
        self._started.stdin.flush()

    def end(self) -> int:
        """Return the exit code of the program, which has read all."""
        while self._read():
            pass
        return self._started.wait(10)

    def _read(self) -> bool:
        """Read what there is; False at the end."""
        assert self._started.stdout is not None
        left = self._end - time.monotonic()
        assert left > 0, f"no end of\n{self.output[-6000:]}"
        ready, _, _ = select.select([self._started.stdout], [], [], left)
        read = os.read(self._started.stdout.fileno(), 65536) if ready else b""
        self.output += read.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(read)
