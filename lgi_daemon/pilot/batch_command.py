"""Runs a command of a batch system: with a deadline, and reading no more than a bounded output."""

import selectors
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

MOST_BYTES = 16 * 1024 * 1024
# Exit code of timeout(1), and after how many seconds it kills what ignores its signal.
_LATE, _KILL_SECONDS = 124, 2.0
_SHOWN = 300


@dataclass(frozen=True)
class CommandOutcome:
    """How a command ended: ``code`` is None when it exceeded its time, its output was too long, or both.

    ``output`` is the standard output; ``message`` is what was wrong, on one line, empty with code 0.
    """

    code: int | None
    output: str
    message: str


def run(words: Sequence[str], seconds: float) -> CommandOutcome:
    """Run a command, which is ended after ``seconds``, also when this process is killed meanwhile."""
    command = ["timeout", "-k", f"{_KILL_SECONDS:g}", f"{seconds:g}", *words]
    try:
        with subprocess.Popen(  # noqa: S603 - words of our own and options of the owner, without a shell
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            output, errors, is_whole = _read(process, time.monotonic() + seconds + 2 * _KILL_SECONDS)
            if not is_whole:
                # timeout passes it on, and kills what ignores it.
                process.terminate()
            code: int | None = process.wait()
    except OSError as error:
        return CommandOutcome(127, "", f"{words[0]} cannot be started: {error.strerror}")
    if not is_whole or code in (_LATE, -9, 137):
        return CommandOutcome(None, output, f"{words[0]} does not answer within {seconds:g} s")
    return CommandOutcome(code, output, _message(words[0], code or 0, errors or output))


def _message(program: str, code: int, text: str) -> str:
    if code == 0:
        return ""
    shown = "".join(char if char.isprintable() else " " for char in text[:_SHOWN]).strip()
    return f"{program} failed with exit code {code}: {shown or 'it printed nothing'}"


def _read(process: subprocess.Popen[bytes], end: float) -> tuple[str, str, bool]:
    """Return both outputs, and whether they are whole: ended in time, and not too long."""
    parts: dict[object, bytearray] = {process.stdout: bytearray(), process.stderr: bytearray()}
    with selectors.DefaultSelector() as selector:
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None  # noqa: S101 - opened above
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, end - time.monotonic()))
            if not ready:
                break
            for key, _events in ready:
                data = key.fileobj.read1(65536)  # type: ignore[union-attr]
                parts[key.fileobj] += data
                if not data:
                    selector.unregister(key.fileobj)
            if sum(map(len, parts.values())) > MOST_BYTES:
                break
        is_whole = not selector.get_map()
    output, errors = (bytes(one).decode("utf-8", "replace") for one in parts.values())
    return output, errors, is_whole
