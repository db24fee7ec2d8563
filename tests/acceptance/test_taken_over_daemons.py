"""A daemon that runs jobs of an LGI 1.31 project, whose server is replaced by one of ours meanwhile."""

import shutil
from pathlib import Path

import pytest

from tests.acceptance.conftest import ScriptedDaemon, signed_up
from tests.support import backups
from tests.support.grid import Grid, running, wait_for
from tests.support.lgi_database import LGIDatabase
from tests.support.mariadb import PrivateMariaDB

pytestmark = pytest.mark.slow


def test_a_job_that_runs_while_its_project_is_taken_over_is_reported_to_the_new_server(
    private_mariadb: PrivateMariaDB, tmp_path: Path
) -> None:
    """It goes on with the daemon that it has, is started once, and ends with its output and its files."""
    with running(Grid()) as grid, signed_up(ScriptedDaemon(grid)) as daemon:
        user = grid.user()
        job_id = user.submit(input=b"hi".hex(), job_specifics="<seconds> 600 </seconds>")
        wait_for(daemon.sleeping)
        grid.stop()
        old = LGIDatabase(private_mariadb.create_database("replaced"))
        old.copy(grid)
        grid.config.repository.rename(tmp_path / "repository")
        backups.lose(grid)

        grid.set_up("sqlite:LGI.sqlite")
        backups.use_restored(grid)
        shutil.rmtree(grid.config.repository)
        shutil.move(tmp_path / "repository", grid.config.repository)
        done = backups.setup("takeover", grid.config_file, old.address)
        old.close()
        assert done.returncode == 0, done.stderr
        grid.start()
        state = user.state(job_id)
        daemon.wake()
        wait_for(lambda: user.state(job_id) == "finished")

        output = bytes.fromhex(user.post("interface_job_state", job_id=str(job_id)).value("job", "output"))
        assert state == "running"
        assert output.endswith(b"submitted with input: hi")
        assert daemon.log.read_text().count(": started, pid") == 1
