"""A database that comes back as it was some time ago, while a daemon has the jobs of since then."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lgi_protocol.errors import ErrorNumber
from tests.acceptance.conftest import ScriptedDaemon, signed_up
from tests.support import backups
from tests.support.grid import Grid, UserCalls, running, wait_for
from tests.support.mariadb import PrivateMariaDB

# Servers start and stop several times, which takes long on a machine that is busy.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


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


def runs(daemon: ScriptedDaemon, number: int) -> bool:
    """Whether so many jobs run."""
    return len(daemon.sleeping()) == number


def test_a_restored_database_mixes_up_no_jobs(grid: Grid, scripted: ScriptedDaemon, tmp_path: Path) -> None:
    """A job of before ends with its own output; the number of a lost one, given again, is another job."""
    database = Path(grid.config.projects["LGI"].database.removeprefix("sqlite:"))
    user = grid.user()
    scripted.stop()
    kept = user.submit(input=b"kept".hex(), job_specifics="<seconds> 600 </seconds>")
    grid.stop()
    copy(database, tmp_path / "former.sqlite")
    grid.start()
    lost = user.submit(input=b"lost".hex(), job_specifics="<seconds> 600 </seconds>")
    scripted.start()
    wait_for(lambda: runs(scripted, 2))

    grid.stop()
    copy(tmp_path / "former.sqlite", database)
    grid.start()
    again = user.submit(input=b"again".hex(), job_specifics="<seconds> 1 </seconds>")

    def are_finished() -> bool:
        # The one of before is queued in the former database, and may be run once more.
        scripted.wake()
        return {user.state(kept), user.state(again)} == {"finished"}

    wait_for(are_finished)

    assert again == lost
    assert output(user, kept).endswith(b"submitted with input: kept")
    assert output(user, again).endswith(b"submitted with input: again")
    wait_for(lambda: scripted.jobs() == [])
    assert grid.rows("SELECT lock_id FROM running_locks") == []


@pytest.fixture(params=["sqlite", "mariadb"])
def databases(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The address of a new database of either kind, and that of one for its restored rows."""
    if request.param == "sqlite":
        return "", ""
    server: PrivateMariaDB = request.getfixturevalue("private_mariadb")
    return server.create_database("lost"), server.create_database("found")


@pytest.fixture
def lost_grid(databases: tuple[str, str]) -> Iterator[Grid]:
    """A server that a test loses; no scheduler runs, which would only help."""
    with running(Grid(databases[0])) as made:
        yield made


@pytest.fixture
def running_daemon(lost_grid: Grid) -> Iterator[ScriptedDaemon]:
    """A daemon of that server, which goes on when the server is lost."""
    with signed_up(ScriptedDaemon(lost_grid)) as made:
        yield made


def test_a_job_runs_once_though_its_server_was_lost_and_restored(
    lost_grid: Grid, running_daemon: ScriptedDaemon, databases: tuple[str, str]
) -> None:
    """One that ran at the time of the backup, and one that was queued then and started after it.

    Until its daemon has taken it back the latter is offered to nobody; a job submitted since is new.
    """
    user = lost_grid.user()
    seconds = "<seconds> 600 </seconds>"
    began = user.submit(input=b"began".hex(), job_specifics=seconds)
    wait_for(lambda: runs(running_daemon, 1))
    running_daemon.kill()
    waited = user.submit(input=b"waited".hex(), job_specifics=seconds)
    file = backups.backup(lost_grid)
    running_daemon.start()
    wait_for(lambda: runs(running_daemon, 2))
    lost = user.submit(input=b"lost".hex(), job_specifics=seconds)
    wait_for(lambda: runs(running_daemon, 3))

    backups.lose(lost_grid)
    backups.restore(lost_grid, file, "--quiet", "600", database=databases[1])
    lost_grid.start()
    other = lost_grid.resource("other@cluster")
    offered = other.request_work("hello_world", 0, 10).jobs
    running_daemon.wake()
    new = user.submit(input=b"new".hex(), job_specifics="<seconds> 1 </seconds>", target_resources="any")
    wait_for(lambda: {user.state(one) for one in (began, waited, new)} == {"finished"})

    assert offered == ()
    assert output(user, began).endswith(b"submitted with input: began")
    assert output(user, waited).endswith(b"submitted with input: waited")
    assert new > lost + 9000
    assert user.refusal("interface_job_state", job_id=str(lost)) == ErrorNumber.NO_JOB
    wait_for(lambda: running_daemon.jobs() == [])
    assert running_daemon.log.read_text().count(": started, pid") == 4
    assert lost_grid.rows("SELECT lock_id FROM running_locks") == []


def test_a_job_that_ended_after_the_backup_is_not_run_again(
    lost_grid: Grid, running_daemon: ScriptedDaemon, databases: tuple[str, str]
) -> None:
    """One that ran at the time of the backup, and one that was queued: the daemon has kept both ends.

    Their results are lost, and the server says so. A daemon that is started anew knows them too.
    """
    user = lost_grid.user()
    began = user.submit(input=b"began".hex(), job_specifics="<seconds> 600 </seconds>")
    wait_for(lambda: runs(running_daemon, 1))
    running_daemon.kill()
    waited = user.submit(input=b"waited".hex(), job_specifics="<seconds> 1 </seconds>")
    file = backups.backup(lost_grid)
    running_daemon.start()
    running_daemon.wake()
    wait_for(lambda: {user.state(one) for one in (began, waited)} == {"finished"})
    wait_for(lambda: running_daemon.jobs() == [])

    backups.lose(lost_grid)
    running_daemon.stop()
    backups.restore(lost_grid, file, "--quiet", "600", database=databases[1])
    lost_grid.start()
    before = user.state(began), user.state(waited)
    running_daemon.start()
    wait_for(lambda: {user.state(one) for one in (began, waited)} == {"finished"})

    assert before == ("running", "queued")
    assert running_daemon.log.read_text().count(": started, pid") == 2
    for job_id in (began, waited):
        answer = user.post("interface_job_state", job_id=str(job_id))
        assert answer.value("job", "exit_code") == "0"
        assert "lost: the server was restored from a backup" in answer.value("job", "end_reason")
    assert lost_grid.rows("SELECT lock_id FROM running_locks") == []


def test_a_job_that_nobody_takes_back_is_offered_again(lost_grid: Grid, databases: tuple[str, str]) -> None:
    """After the quiet time, which begins with the server; meanwhile its user may look at it and delete it."""
    calls = lost_grid.resource("other@cluster")
    user = lost_grid.user()
    kept, deleted = user.submit(), user.submit()
    file = backups.backup(lost_grid)
    backups.lose(lost_grid)

    backups.restore(lost_grid, file, "--quiet", "15", database=databases[1])
    begun = time.monotonic()
    lost_grid.start()
    calls = lost_grid.resource("other@cluster")
    early = calls.request_work("hello_world", 0, 10).jobs
    state = user.state(kept)
    reason = user.post("interface_explain_job", job_id=str(kept)).value("explanation", "reason")
    user.delete(deleted)
    wait_for(lambda: calls.request_work("hello_world", 0, 10).jobs)

    assert (early, state, reason) == ((), "queued", "held")
    assert time.monotonic() - begun > 13
    assert [row["job_id"] for row in lost_grid.rows("SELECT job_id FROM running_locks")] == [kept]
