"""A server killed before each statement, each answer and each change of a file in the life of a job."""

from contextlib import suppress
from pathlib import Path

import pytest

from lgi_protocol.client import TransportError
from lgi_protocol.errors import ServerError
from lgi_protocol.resource_api import ResourceCalls
from tests.server.test_killed_server import DISAGREE, OF_NOBODY
from tests.server.test_resource_calls import INVARIANT
from tests.support.grid import CAPABILITIES, PROJECT
from tests.support.power_cut import MortalGrid
from tests.support.running_jobs import REFERENCE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# A life has more writes than the first number, and fewer than the second.
FEW, MANY = 20, 1000
DATA, OUTPUT = b"what the job is given", b"what it gives"
STATES = {0: {"queued"}, 1: {"queued", "running"}, 2: {"running", "finished"}, 3: {"finished"}}


class Life:
    """The life of one job; ``answered`` counts its steps that were answered: submit, claim, end, delete."""

    def __init__(self, grid: MortalGrid, file: Path) -> None:
        self.grid = grid
        self.answered = 0
        self._file = file
        grid.resource()
        self._calls = ResourceCalls(grid.client(grid.people.resource("res1@cluster")), PROJECT)

    def sign_off(self) -> None:
        """End the session that may be left, as a daemon does at its next start."""
        if self._calls.session_id:
            with suppress(ServerError):
                self._calls.sign_off()

    def live(self) -> None:
        """Do all steps; TransportError when one is not answered."""
        user, calls = self.grid.user(), self._calls
        job_id = user.submit(files=(self._file,), number_of_uploaded_files="1")
        self.answered = 1
        calls.sign_up(CAPABILITIES)
        (job,) = calls.request_work("hello_world", 0, 1).jobs
        reference = f"<daemon_reference> {REFERENCE} </daemon_reference>"
        calls.update(job.job_id, state="running", target_resources="res1@cluster", job_specifics=reference)
        self.answered = 2
        calls.update(job.job_id, state="finished", output=OUTPUT)
        calls.sign_off()
        self.answered = 3
        user.delete(job_id)
        self.answered = 4


def check(life: Life) -> None:
    """What was answered is there, what was not is whole or not there, and nothing stays locked."""
    grid = life.grid
    life.sign_off()
    rows = grid.rows("SELECT job_id, state, output, repository FROM job_queue")
    assert len(rows) <= 1
    assert rows or life.answered in {0, 3, 4}
    for row in rows:
        assert row["state"] in STATES[life.answered]
        assert row["output"] == (OUTPUT if row["state"] == "finished" else b"")
        name = str(row["repository"])
        assert (grid.config.repository / name[-3:] / name / "data").read_bytes() == DATA
    assert grid.rows("SELECT job_id FROM running_locks") == []
    assert grid.rows("SELECT job_id FROM job_queue WHERE lock_state <> 0") == []
    assert all(grid.rows(query) == [] for query in (INVARIANT, DISAGREE, OF_NOBODY))


def test_a_server_killed_before_any_write_loses_no_answer_and_holds_nothing(
    mortal: MortalGrid, tmp_path: Path
) -> None:
    """The life of a job is whole in each of its steps, and goes on with the next worker."""
    file = tmp_path / "data"
    file.write_bytes(DATA)
    killed = 0
    for write in range(1, MANY):
        mortal.clear()
        life = Life(mortal, file)
        mortal.cut.before(write)
        with suppress(TransportError):
            life.live()
        was_killed = mortal.cut.has_happened()
        check(life)
        killed += was_killed
        if not was_killed:
            break

    assert life.answered == 4
    assert killed > FEW
