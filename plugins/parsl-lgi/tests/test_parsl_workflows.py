"""Workflows of docs/engines/parsl.md with the real Parsl, a project server and a daemon."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.documents.blocks import blocks

PAGE = Path(__file__).parents[3] / "docs" / "engines" / "parsl.md"
EACH_APP, WORKERS = [block.text for block in blocks(PAGE, "python")]


@pytest.mark.parametrize("program", [EACH_APP, WORKERS], ids=["each app a job", "blocks of workers"])
def test_a_workflow_of_ten_tasks_gives_its_result(program: str, user_process: dict[str, Any]) -> None:
    """As the page has it, word by word."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        **user_process,
    )

    assert done.stdout == "2.829\n", done.stderr
