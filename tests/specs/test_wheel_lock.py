"""make/wheel.sh run twice at once in one tree, with a Python of our own."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Does not bear a second one beside it.
PYTHON = """#!/bin/sh
mkdir busy || { echo "two at once" >&2; exit 1; }
sleep 0.3
rmdir busy
"""


def test_the_second_of_two_builds_waits_for_the_first(tmp_path: Path) -> None:
    """Both write the manual pages and what pip copies into build/."""
    programs = tmp_path / ".venv" / "bin"
    for folder in (tmp_path / "make", programs):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / "make" / "wheel.sh", tmp_path / "make")
    for name, text in (("python", PYTHON), ("LGI_complete", "#!/bin/sh\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)

    both = [subprocess.Popen(["sh", "make/wheel.sh"], cwd=tmp_path) for _one in range(2)]

    assert [one.wait(60) for one in both] == [0, 0]
