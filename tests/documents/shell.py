"""A reader's terminal: one shell that is given the blocks of a document in their order."""

import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from tests.documents.blocks import Block
from tests.support.grid import BIN

TOKEN = re.compile(r"\blgi(?:user)?1\.[\w.-]{60,}")
# Errors are told with their command, as the shell sees them: a document's command may not fail.
START = """
exec 2>&1
set -E -o pipefail
trap 'echo "FAILED with $?: $BASH_COMMAND"' ERR
"""


class CommandError(AssertionError):
    """A command of a document failed; the message has the block and what it printed."""


class Terminal:
    """A shell in a directory, with nothing but HOME and PATH, that remembers what it has printed."""

    def __init__(self, directory: Path, ports: dict[str, int]) -> None:
        self.directory = directory
        self._ports = ports
        descriptor, name = tempfile.mkstemp(prefix="terminal-", dir=directory.parent)
        self._output = Path(name)
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=descriptor,
            stderr=descriptor,
            cwd=directory,
            env={
                "HOME": str(directory / "home"),
                "PATH": f"{BIN}:{os.environ['PATH']}",
                "TZ": "UTC",
                "TMPDIR": tempfile.gettempdir(),
            },
            start_new_session=True,
        )
        os.close(descriptor)
        self._count = 0
        # The token that was printed last, by its first word.
        self._tokens: dict[str, str] = {}
        self._send(START)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def output(self) -> str:
        """All that was printed so far, by programs in the background too."""
        return self._output.read_text("utf-8", "replace")

    def run(self, block: Block, seconds: float = 300.0) -> str:
        """Run a block and answer what was printed meanwhile. Raises CommandError."""
        try:
            return self.type(block.text, seconds)
        except CommandError as error:
            raise CommandError(f"{block.place}: {error}") from None

    def type(self, text: str, seconds: float = 300.0) -> str:
        """Run some lines, as `run`."""
        before = len(self.output)
        self._count += 1
        mark = f"BLOCK {self._count} IS DONE"
        self._send(f"{self._local(text)}\n:\necho; echo {mark}\n")
        self._await(mark, seconds)
        printed = self.output[before:].partition(mark)[0]
        if "FAILED with " in printed:
            raise CommandError(f"a command failed:\n{text}\nThis was printed:\n{printed[-3000:]}")
        return printed

    def close(self) -> None:
        """End the shell and what it has started in the background."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._shell.pid, number)
            except ProcessLookupError:
                break
            self._shell.wait(60)
            for _ in range(100):
                if not _has_members(self._shell.pid):
                    break
                time.sleep(0.1)

    def _local(self, text: str) -> str:
        """A document's lines with free ports, and with the token that was printed last."""
        for port, free in self._ports.items():
            text = re.sub(rf"\b{port}\b", str(free), text)
        for token in TOKEN.findall(self.output):
            self._tokens[token.partition(".")[0]] = token
        return re.sub(r"\b(\w+)\.\.\.\.", lambda found: self._tokens.get(found[1], found[0]), text)

    def _send(self, text: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(text.encode())
        self._shell.stdin.flush()

    def _await(self, mark: str, seconds: float) -> None:
        end = time.monotonic() + seconds
        while f"{mark}\n" not in self.output:
            if self._shell.poll() is not None or time.monotonic() > end:
                raise CommandError(f"no end after {seconds} s. This was printed:\n{self.output[-3000:]}")
            time.sleep(0.05)


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
