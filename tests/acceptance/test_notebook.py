"""docs/parameter_sweep.ipynb: its cells are run by a fresh interpreter, on a grid with a daemon."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import signed_up
from tests.acceptance.test_commands import home  # noqa: F401 - a fixture
from tests.applications.test_whole_jobs import CommandDaemon
from tests.support.grid import Grid

pytestmark = [pytest.mark.slow, pytest.mark.one_database]
NOTEBOOK = Path(__file__).parents[2] / "docs" / "parameter_sweep.ipynb"
# As a notebook does: each cell in the main module, and the value of its last line is shown.
KERNEL = """
import ast, json, sys
shown = []
for cell in json.load(sys.stdin):
    *lines, last = ast.parse(cell).body
    exec(compile(ast.Module(lines, []), "<cell>", "exec"))
    value = eval(compile(ast.Expression(last.value), "<cell>", "eval"))
    html = value._repr_html_() if hasattr(value, "_repr_html_") else ""
    shown.append([repr(value), html])
print(json.dumps(shown))
"""


class StagingDaemon(CommandDaemon):
    """A daemon whose jobs get the files of their repository, and store what they make."""

    def configure(self) -> None:
        super().configure()
        script = self.directory / "script"
        script.write_text(script.read_text().replace("stage=no\n", ""))


def cells() -> list[tuple[str, str]]:
    """The code of each cell, and the text that stands below it."""
    found = [one for one in json.loads(NOTEBOOK.read_text("utf-8"))["cells"] if one["cell_type"] == "code"]
    return [
        (
            "".join(one["source"]),
            "".join(text for out in one["outputs"] for text in out["data"]["text/plain"]),
        )
        for one in found
    ]


def test_the_notebook_shows_what_stands_below_its_cells(grid: Grid, home: Path) -> None:  # noqa: F811
    """Functions run in jobs of a real daemon; jobs and progress are tables and bars."""
    code, expected = zip(*cells(), strict=True)
    with signed_up(StagingDaemon(grid, "process")):
        done = subprocess.run(
            [sys.executable, "-c", KERNEL],
            input=json.dumps(code),
            env={"HOME": str(home), "PATH": os.environ["PATH"]},
            cwd=home,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )

    assert (done.returncode, done.stderr) == (0, "")
    shown = json.loads(done.stdout)
    assert len(shown) > 7
    for (text, _html), wanted in zip(shown, expected, strict=True):
        assert wanted in {text, ""}
    pictures = [html for _text, html in shown if html]
    assert pictures[0].startswith("<div><progress")
    assert pictures[1].count("<tr>") == 3
