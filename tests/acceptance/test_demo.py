"""``make demo`` shows all its steps and leaves nothing behind."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
STORY = [sys.executable, "-m", "demo.run"]


def test_the_demo_tells_its_story_and_leaves_nothing_running() -> None:
    """It shows submit, run, output, file and abort; then no process and no directory is left."""
    done = subprocess.run(STORY, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)

    assert done.returncode == 0, done.stderr
    assert "Hello_World from laptop@demo submitted with input: a greeting from the demo" in done.stdout
    assert "Files travel with the job." in done.stdout
    assert re.search(r"2 \|\s+2 \|\s+aborted", done.stdout)
    (directory,) = set(re.findall(rf"{tempfile.gettempdir()}/lgi-demo-[a-z0-9_]+", done.stdout))
    assert not Path(directory).exists()
    assert list(processes_of(directory)) == []


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
