"""Each free code: its image is built, a user submits the example, and a real daemon runs it in the image."""

import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import signed_up
from tests.acceptance.test_commands import run
from tests.applications.test_code_images import GUIDES, IMAGES, codes
from tests.applications.test_whole_jobs import CommandDaemon
from tests.conftest import lacking
from tests.support import containers
from tests.support.grid import Grid, wait_for

# Packages are fetched.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
# A result of the example: its file, and a pattern of its text.
RESULTS = {
    "gromacs": ("water.log", r"Potential Energy  = -[0-9.]+e\+04"),
    "nwchem": ("joblog.txt", r"Total SCF energy = +-76\.0"),
}


@pytest.fixture(params=codes(), ids=lambda code: code[0])
def code(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The name and the version of each code."""
    name, version, *_ = request.param
    return name, version


@pytest.fixture
def images(code: tuple[str, str]) -> Iterator[Path]:
    """A directory with the image of the code."""
    if what := (containers.missing() or ("" if shutil.which("mmdebstrap") else "mmdebstrap")):
        lacking(what)
    place = Path(tempfile.mkdtemp(prefix="lgi-codes-"))
    place.chmod(0o755)
    try:
        (place / "images").mkdir()
        subprocess.run(["nice", "sh", IMAGES / "build", code[0], "images"], cwd=place, check=True)
        yield place / "images"
    finally:
        # Python's own function would follow what may still be mounted there.
        subprocess.run(["rm", "-rf", "--one-file-system", place], check=True)


def test_the_example_of_a_code_runs_in_its_image(
    grid: Grid, code: tuple[str, str], images: Path, home: Path
) -> None:
    """By the command of the user guide, from a copy of the example; its result comes back."""
    for file in (IMAGES / code[0]).iterdir():
        shutil.copy(file, home)
    line = " ".join(("LGI_task submit", *code))
    (command,) = re.findall(f"^{re.escape(line)} .*$", (GUIDES / "user_guide.md").read_text(), re.MULTILINE)
    settings = f"images={shlex.quote(str(images))}\nstage=yes\n"

    with signed_up(CommandDaemon(grid, "container", settings)):
        listed = run(home, "LGI_task", "list-codes", "--digests")
        submitted = run(home, *shlex.split(command))
        wait_for(lambda: "completed" in run(home, "LGI_task", "status").stdout, 600)
        status, got = run(home, "LGI_task", "status"), run(home, "LGI_task", "get")

    assert f"{code[0]} {code[1]}@sha256:" in listed.stdout
    assert (submitted.stdout.strip().isdigit(), submitted.stderr) == (True, "")
    assert status.stdout == "completed: exit code 0\n"
    assert got.returncode == 0
    file, pattern = RESULTS[code[0]]
    assert re.search(pattern, (home / file).read_text())
