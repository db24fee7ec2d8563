"""The programs of docs/engines/psij.md with the real PSI/J, a project server and a daemon."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.documents.blocks import blocks

PAGE = Path(__file__).parents[3] / "docs" / "engines" / "psij.md"
WORKFLOW, ATTACH = [block.text for block in blocks(PAGE, "python")]


def run(program: str, user_process: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Run a program of the page."""
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        **user_process,
    )


def test_a_workflow_of_ten_jobs_gives_its_result(user_process: dict[str, Any]) -> None:
    """As the page has it, word by word; its jobs are found by another program."""
    done = run(WORKFLOW, user_process)
    attached = run(ATTACH, user_process)

    assert done.stdout == "COMPLETED 2.829\n", done.stderr
    states = {int(line.split()[0]): line.split()[1] for line in attached.stdout.splitlines()}
    assert [states[number] for number in sorted(states)[-10:]] == ["COMPLETED"] * 10, attached.stderr
