"""Pilots on a real SLURM that run a packed daemon, one file for machines without LGI."""

import subprocess

import pytest

from lgi_protocol import hexcode
from tests.applications.slurm import Slurm
from tests.applications.test_pilots import submitting
from tests.applications.test_whole_jobs import CommandDaemon
from tests.support.grid import BIN, Grid, wait_for

pytestmark = pytest.mark.slow


def test_a_packed_daemon_runs_jobs_with_the_programs_of_lgi(grid: Grid, running_slurm: Slurm) -> None:
    """One file, for machines without LGI; it removes what it has unpacked."""
    user, daemon = grid.user(), CommandDaemon(grid, "process")
    subprocess.run([BIN / "LGI_pilot", "--pack", daemon.directory / "LGI.pyz"], check=True, timeout=120)
    with submitting(daemon, running_slurm, "<daemon_program> LGI.pyz </daemon_program>") as pilots:
        pilots.update()
        program = b"command -v LGI_xml; echo '<a> 7 </a>' | LGI_xml a"
        job_id = user.submit(application="command", input=hexcode.encode(program))
        pilots.update()
        wait_for(lambda: user.state(job_id) == "finished")
        output = user.post("interface_job_state", job_id=str(job_id)).value("job", "output")
        wait_for(lambda: pilots.update()["pilots"] == [])
        left = list(pilots.temporary.iterdir())

    assert left == []
    text = hexcode.decode(output).decode()
    assert "/.programs/LGI_xml\n" in text
    assert "7\n" in text
