"""``make demo`` shows all its steps and leaves nothing behind."""

import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
STORY = [sys.executable, "-m", "demo.run"]


def test_the_demo_tells_its_story_and_leaves_nothing_running() -> None:
    """It shows submit, run, output, file, abort and a command; then no process and no directory is left."""
    done = subprocess.run(STORY, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)

    assert done.returncode == 0, done.stderr
    assert "Hello_World from laptop@demo submitted with input: a greeting from the demo" in done.stdout
    assert "Files travel with the job." in done.stdout
    assert re.search(r"2 \|\s+2 \|\s+aborted", done.stdout)
    assert "  Hello from job 3\n" in done.stdout
    (directory,) = directories_in(done.stdout)
    assert not Path(directory).exists()
    assert list(processes_of(directory)) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_ended_by_a_signal_leaves_nothing(number: signal.Signals) -> None:
    """As by Ctrl-C, kill, or a terminal that is closed; also when the signal comes twice."""
    demo = subprocess.Popen(STORY, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert demo.stdout is not None
    shown = ""
    while "The job runs" not in shown:
        shown += (line := demo.stdout.readline())
        assert line, shown
    (place,) = directories_in(shown)

    for _time in range(2):
        demo.send_signal(number)
    demo.communicate(timeout=60)

    assert demo.returncode == 128 + number
    assert not Path(place).exists()
    assert list(processes_of(place)) == []


def directories_in(text: str) -> set[str]:
    """Return the directories of demos that a text names."""
    return set(re.findall(rf"{tempfile.gettempdir()}/lgi-demo-[a-z0-9_]+", text))


def processes_of(text: str) -> list[str]:
    """Return the command lines that contain a directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found
