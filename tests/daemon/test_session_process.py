"""The descriptors of a program that LGI_attach has started: two threads use them, and close each once."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lgi_daemon.execution import processes
from lgi_daemon.execution.session_process import SessionProcess


class EndedChild:
    """A program that has ended."""

    def wait(self, _seconds: float) -> int:
        """Return its status."""
        return -signal.SIGKILL

    def close(self) -> None:
        """It has nothing open."""


@dataclass
class Scene:
    """A program that has just ended, and a file that gets the number of its input when that is closed."""

    process: SessionProcess
    source: int
    other: Path
    meanwhile: Callable[[], object] = lambda: None


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Another thread opens a file as soon as the input is closed, and does something ``meanwhile``."""
    with subprocess.Popen(["/bin/sleep", "60"]) as program:
        identity = processes.identify(program.pid)
        program.kill()
    reader, source = os.pipe()
    os.close(reader)
    process = SessionProcess(EndedChild(), identity, "LGI_NO=mark", source, False)  # type: ignore[arg-type]
    made = Scene(process, source, tmp_path / "other")
    close, closed = os.close, []

    def closing(descriptor: int) -> None:
        close(descriptor)
        if descriptor == source and not closed:
            closed.append(descriptor)
            opened = os.open(made.other, os.O_WRONLY | os.O_CREAT)
            os.dup2(opened, source)
            close(opened)
            made.meanwhile()

    monkeypatch.setattr(os, "close", closing)
    yield made
    monkeypatch.undo()
    close(source)


def test_input_goes_into_no_file_that_has_the_number_of_a_closed_one(scene: Scene) -> None:
    """The user of a session could write into a record, or into the session of another user."""
    left = []
    scene.meanwhile = lambda: left.append(scene.process.write(b"evil", 0.1))

    scene.process.end()

    assert left == [b""]
    assert scene.other.read_bytes() == b""


def test_a_descriptor_is_closed_once(scene: Scene) -> None:
    """Then it may be that of another file; here the end of the program comes with that of its input."""
    scene.meanwhile = scene.process.end

    scene.process.end_input()

    assert os.fstat(scene.source).st_ino == scene.other.stat().st_ino
