"""The script of the LGI document about its Python class, unchanged, against a real project server."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.test_commands import home  # noqa: F401 - a fixture
from tests.conftest import lacking
from tests.support.grid import PROJECT, Grid

EXAMPLE = Path(__file__).with_name("python_class_example.txt")
FETCHED = Path("/tmp/resolv.conf")


@pytest.fixture
def nothing_fetched() -> Iterator[None]:
    """The script leaves a file where everybody's are; what was there before is put back."""
    for name in ("resolv.conf", "hosts", "fstab"):
        if not Path("/etc", name).is_file():
            lacking(f"/etc/{name}")
    before = FETCHED.read_bytes() if FETCHED.is_file() else None
    FETCHED.unlink(missing_ok=True)
    yield
    FETCHED.unlink(missing_ok=True)
    if before is not None:
        FETCHED.write_bytes(before)


@pytest.mark.usefixtures("nothing_fetched")
def test_the_script_of_the_document_runs_unchanged(grid: Grid, home: Path) -> None:  # noqa: F811
    """Every method; every answer has the shape and the names the document shows."""
    ran = subprocess.run(
        [sys.executable, EXAMPLE],
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    printed = [ast.literal_eval(line) for line in ran.stdout.splitlines() if line]
    responses = [answer["LGI"]["response"] for answer in printed if "LGI" in answer]
    listings = [answer["repository_content"] for answer in printed if "LGI" not in answer]
    submitted, listed, state, resources, servers, deleted = responses
    job_id = submitted["job"]["job_id"]
    assert submitted["job"]["input"] == b"haydihay"
    jobs = [answer["job"] for answer in (listed, state, deleted)]
    assert [job["attributes"] for job in jobs] == [{"number": 1}] * 3
    assert [job["job"]["job_id"] for job in jobs] == [job_id] * 3
    assert (listed["number_of_jobs"], listed["state"]) == (1, "!finished")
    assert state["job"]["job"]["output"] == b""
    assert resources["resource"]["resource"]["resource_name"] == "res1@cluster"
    assert servers["project_master_server"] == grid.url
    assert (servers["project"], deleted["job"]["job"]["state"]) == (PROJECT, "deleted")
    assert [names(listing) for listing in listings] == [
        {"resolv.conf"},
        {"resolv.conf", "hosts", "fstab"},
        {"resolv.conf", "fstab"},
    ]
    assert FETCHED.read_bytes() == Path("/etc/resolv.conf").read_bytes()


def names(listing: dict[str, object]) -> set[str]:
    """The users' files of a listing."""
    files = listing["file"]
    assert isinstance(files, list)
    return {file["file"]["file_name"] for file in files} - {".LGI_repository_write_access"}
