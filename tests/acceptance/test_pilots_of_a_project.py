"""Pilots that are jobs of another project of LGI, by LGI_run and LGI_qstat with a real server."""

from pathlib import Path

import pytest

from lgi_daemon.pilot.batch_command import run
from lgi_daemon.pilot.batch_system import BatchJob, BatchState, PilotScript
from lgi_daemon.pilot.project import LGI
from lgi_tools.certificates import user_directory
from tests.acceptance.conftest import RESOURCE
from tests.support.grid import PROJECT, Grid

pytestmark = pytest.mark.one_database


@pytest.fixture
def home(grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home directory of the user of LGI_pilot; a resource offers commands."""
    grid.resource(RESOURCE, "<command> </command>").sign_off()
    user_directory.write(
        tmp_path / ".LGI",
        grid.people.user("mark@laptop", ("theor",)),
        grid.people.authority.ca_file,
        user="mark@laptop",
        groups=("theor",),
        server=grid.url,
        project=PROJECT,
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_pilot_is_a_job_that_is_found_by_its_name(grid: Grid, home: Path) -> None:
    """Other jobs of the user are not listed; the script is not sent but run where it is."""
    script = PilotScript("LGI0123456789ab", home / "script", home / "batch.log")
    script.file.write_text("#!/bin/sh\n")
    script.file.chmod(0o700)
    other = grid.user().submit(application="command")

    none = LGI.read_jobs(run(LGI.query(), 60).output)
    submitted = run([*LGI.submit(script), "--cpus", "2", str(script.file)], 60)
    batch_id = LGI.read_id(submitted.output)
    jobs = LGI.read_jobs(run(LGI.query(), 60).output)

    assert none == []
    assert (submitted.code, batch_id.isdigit(), batch_id != str(other)) == (0, True, True)
    assert jobs == [BatchJob(batch_id, script.name, BatchState.WAITING)]
