"""The workflow of a public forge runs what the Makefile has."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text()


def test_the_workflow_runs_targets_of_the_makefile() -> None:
    """Checks, tests and packages; make itself says whether it knows them."""
    targets = set(re.findall(r"\bmake ([a-z][a-z-]*)", re.sub(r"apt-get .*", "", WORKFLOW)))

    assert targets == {"check", "test", "packages", "test-packages"}
    done = subprocess.run(
        ["make", "-n", *targets], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_tests_run_once_without_the_variables_of_the_forge() -> None:
    """What a user's shell has not must not be needed."""
    assert "env -i PATH" in WORKFLOW
