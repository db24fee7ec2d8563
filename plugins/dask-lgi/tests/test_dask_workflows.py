"""The workflow of docs/engines/dask.md with the real Dask, a project server and a daemon."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.documents.blocks import blocks

PAGE = Path(__file__).parents[3] / "docs" / "engines" / "dask.md"
(WORKFLOW,) = [block.text for block in blocks(PAGE, "python")]


def test_a_workflow_of_ten_tasks_gives_its_result(user_process: dict[str, Any]) -> None:
    """As the page has it, word by word."""
    program = user_process["cwd"] / "workflow.py"
    program.write_text(WORKFLOW)

    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=240, check=False, **user_process
    )

    assert done.stdout == "2.829\n", done.stderr
