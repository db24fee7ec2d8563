"""A database that comes back as it was some time ago, while a daemon has the jobs of since then."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.conftest import ScriptedDaemon
from tests.support.grid import Grid, UserCalls, running, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def grid() -> Iterator[Grid]:
    """A server whose database is a file that can be copied."""
    with running(Grid()) as made:
        yield made


def copy(source: Path, target: Path) -> None:
    """Make a database the same as another one."""
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def output(user: UserCalls, job_id: int) -> bytes:
    """What a job has put out, for its user."""
    return bytes.fromhex(user.post("interface_job_state", job_id=str(job_id)).value("job", "output"))


def test_a_restored_database_mixes_up_no_jobs(grid: Grid, scripted: ScriptedDaemon, tmp_path: Path) -> None:
    """A job of before ends with its own output; the number of a lost one, given again, is another job."""
    database = Path(grid.config.projects["LGI"].database.removeprefix("sqlite:"))
    user = grid.user()
    scripted.stop()
    kept = user.submit(input=b"kept".hex(), job_specifics="<seconds> 4 </seconds>")
    grid.stop()
    copy(database, tmp_path / "former.sqlite")
    grid.start()
    lost = user.submit(input=b"lost".hex(), job_specifics="<seconds> 4 </seconds>")
    scripted.start()
    wait_for(lambda: len([job for job in scripted.jobs() if (job / "running").exists()]) == 2)

    grid.stop()
    copy(tmp_path / "former.sqlite", database)
    grid.start()
    again = user.submit(input=b"again".hex(), job_specifics="<seconds> 1 </seconds>")
    wait_for(lambda: {user.state(kept), user.state(again)} == {"finished"}, 60)

    assert again == lost
    assert output(user, kept).endswith(b"submitted with input: kept")
    assert output(user, again).endswith(b"submitted with input: again")
    wait_for(lambda: scripted.jobs() == [])
    assert grid.rows("SELECT lock_id FROM running_locks") == []
