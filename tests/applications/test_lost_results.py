"""Results that cannot be stored, from a user's submit to the end of the job: as a daemon runs it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lgi_tools.client.repository import Repository
from tests.acceptance.conftest import signed_up
from tests.support.grid import Grid, wait_for

from .test_whole_jobs import CommandDaemon, output, submitted

pytestmark = pytest.mark.slow

SCRIPT = """
echo good > a; echo good > z; echo secret > secret; chmod 000 secret
mkdir out; echo x > out/inside; ln -s a l; mkfifo p
printf '#!/bin/sh\\n' > tool; chmod 755 tool; touch -d '2009-02-13 23:31:30 UTC' tool
exit 3
"""
MISSING = "secret (permission denied), l (link), out/ (directory), p (pipe)"


@pytest.fixture
def daemon(grid: Grid) -> Iterator[CommandDaemon]:
    """One that stores results; under root each job has a user of its own."""
    with signed_up(CommandDaemon(grid, "process", "stage=yes")) as made:
        yield made


@pytest.mark.usefixtures("daemon")
def test_a_job_with_a_result_that_cannot_be_read_ends_and_says_so(grid: Grid, tmp_path: Path) -> None:
    """The first attempt is the last; other results are stored with times and permissions."""
    user = grid.user()
    job_id = submitted(user, SCRIPT)
    wait_for(lambda: user.state(job_id) == "finished")

    told = user.post("interface_job_state", job_id=str(job_id))
    stored = Repository(told.value("job", "job_specifics", "repository_url"), user.client.session)
    content = stored.content()
    stored.download("tool", tmp_path / "tool")

    assert f"[LGI: not stored: {MISSING}]\n[LGI: exit code 3]\n" in output(user, job_id)
    assert [name in content for name in (" a ", " z ", " tool ", " secret ")] == [True, True, True, False]
    assert (tmp_path / "tool").stat().st_mtime == 1234567890
    assert os.access(tmp_path / "tool", os.X_OK)
