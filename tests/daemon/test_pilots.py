"""LGI_pilot with a batch system of shell scripts: what waits, what is submitted, and what goes wrong."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from lgi_daemon import pilot
from lgi_daemon.pilot import batch_command, pilot_queue
from lgi_daemon.pilot.batch_system import BatchState
from lgi_daemon.pilot.demand import PilotCounts, PilotLimits, decide
from lgi_daemon.pilot.pilot_directory import PilotDirectory
from lgi_daemon.pilot.pilot_manager import PilotManager
from lgi_daemon.pilot.settings import read_settings
from lgi_daemon.pilot.status import Status
from lgi_daemon.rundir.directory_lock import DirectoryInUseError
from lgi_protocol.errors import TransportError
from lgi_protocol.sign_up import SignUp
from tests.support.fake_batch import FakeBatch

TAGS = (
    "<daemon_configuration> LGI.cfg </daemon_configuration> <pilot_directory> ./pilots </pilot_directory>"
    "<batch_system> slurm </batch_system> <submit_options> --partition='a b' </submit_options>"
    "<waiting_maximum> 3 </waiting_maximum> <pilot_limit> 4 </pilot_limit> <idle_limit> 60 </idle_limit>"
)


PILOT = str(Path(pilot.__path__[0]))


class FakeCalls:
    """A project server that has a number of jobs for each application, and names another one."""

    def __init__(self) -> None:
        self.jobs = 0
        self.fails = False
        self.capabilities: list[str] = []
        self.open = 0

    def sign_up(self, capabilities: str = "", daemon: str = "") -> SignUp:
        """Open a session."""
        if self.fails:
            raise TransportError("https://localhost/LGI", f"connection refused\033[2J{'x' * 5000}")
        self.open += 1
        self.capabilities.append(capabilities)
        return SignUp("7", "https://localhost/LGI", ("https://localhost/LGI/",), 65536)

    def count_work(self, application: str, owners: str = "") -> int:
        """The number of jobs."""
        return self.jobs

    def sign_off(self) -> None:
        """End the session."""
        self.open -= 1


class Site:
    """A manager with its batch system, its server, and a clock that stands still."""

    def __init__(self, file: Path, batch: FakeBatch) -> None:
        self.batch = batch
        self.server = FakeCalls()
        self.now = 1_800_000_000.0
        self.settings = read_settings(file, as_root=False)
        self.directory = PilotDirectory(self.settings.directory)
        self.directory.claim()
        self.restart()

    def restart(self) -> None:
        """Another manager takes over, as after a kill."""
        self.manager = PilotManager(
            self.settings, self.directory, lambda _project, _server: self.server, lambda: self.now
        )

    def update(self, jobs: int = 0, after: float = 0.0) -> Status:
        """Make an update while this number of jobs waits."""
        self.server.jobs = jobs
        self.now += after
        return self.manager.update()

    def begin(self, name: str, exit_code: str = "") -> None:
        """Let a pilot begin, and end if there is an exit code."""
        folder = self.directory.path / name
        self.batch.change(name, BatchState.ENDED if exit_code else BatchState.RUNNING)
        (folder / "began").touch()
        os.utime(folder / "began", (self.now, self.now))
        if exit_code:
            (folder / "ended").write_text(f"{exit_code}\n")


@pytest.fixture
def pilot_file(file: Path) -> Path:
    """A configuration file of LGI_pilot, beside LGI.cfg."""
    (file.parent / "pilots").mkdir()
    made = file.parent / "LGI_pilot.cfg"
    made.write_text(f"<LGI><pilots>{TAGS}</pilots></LGI>")
    return made


@pytest.fixture
def site(pilot_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A manager without pilots."""
    batch = FakeBatch(tmp_path / "batch")
    monkeypatch.setenv("PATH", f"{batch.programs}:{os.environ['PATH']}")
    return Site(pilot_file, batch)


@pytest.mark.parametrize(
    ("jobs", "waiting", "running", "number"),
    [
        (0, 0, 0, 1),
        (1, 0, 0, 1),
        (4, 0, 0, 2),
        (5, 0, 0, 3),
        (5, 1, 0, 2),
        (5, 3, 9, 0),
        (10**30, 0, 0, 8),
        (10**30, 0, 7, 3),
        (10**30, 2, 9, 0),
        (0, 4, 0, 0),
    ],
)
def test_one_pilot_waits_for_two_jobs_within_bounds(
    jobs: int, waiting: int, running: int, number: int
) -> None:
    """At least one and at most eight wait, ten are there in all; a reason is given for none."""
    decision = decide(jobs, PilotCounts(waiting, running), PilotLimits(1, 8, 10))

    assert decision.number == number
    assert bool(decision.reason) == (number == 0)


def test_jobs_that_wait_get_pilots_and_each_of_them_once(site: Site) -> None:
    """The same jobs at the next update are those of the pilots that wait."""
    first, second = site.update(4), site.update(4, 60)
    site.begin(site.batch.names[0])
    third = site.update(4, 60)

    assert (first.submitted, second.submitted, third.submitted) == (2, 0, 1)
    assert second.reason == "2 pilots wait already, and 2 are enough for 4 jobs"
    assert len(set(site.batch.names)) == 3
    assert all("--partition=a b " in call for call in site.batch.calls)
    assert site.server.open == 0


def test_capabilities_are_told_while_no_pilot_runs(site: Site) -> None:
    """Without them a server accepts no job; the daemon of a pilot tells more."""
    site.update(1)
    site.begin(site.batch.names[0])
    site.update(0, 60)

    assert "<hello_world>" in site.server.capabilities[0]
    assert site.server.capabilities[-1] == ""


def test_a_server_that_lies_about_its_jobs_gets_no_more_than_the_limits(site: Site) -> None:
    """Ten million jobs, or a number of thousands of digits, are as many pilots as may wait."""
    assert site.update(10_000_000).submitted == 3
    assert site.update(10**3000, 60).submitted == 0


def test_a_server_that_is_away_is_told_and_counts_as_one_without_jobs(site: Site) -> None:
    """Pilots that are there stay."""
    site.update(2)
    site.server.fails = True

    status = site.update(2, 60)

    assert (status.submitted, len(status.pilots)) == (0, 1)
    (problem,) = status.waiting.problems
    assert problem.startswith("https://localhost/LGI does not tell what waits in project LGI: ")
    assert (problem.isprintable(), len(problem)) == (True, 1000)


@pytest.mark.parametrize("mode", ["fail", "garbage", "flood"])
def test_a_batch_system_that_does_not_tell_its_jobs_gets_none(
    site: Site, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pilots might be submitted twice; an answer without an end is cut."""
    monkeypatch.setattr(batch_command, "MOST_BYTES", 200_000)
    site.update(2)
    site.batch.answers(mode)

    status = site.update(6, 60)

    assert status.submitted == 0
    assert "squeue" in status.reason
    assert len(site.batch.names) == 1


def test_a_pilot_whose_answer_is_lost_is_found_by_its_name(site: Site) -> None:
    """After garbage of sbatch, and after a kill between the submit and the record of its answer."""
    site.batch.submits("lose")
    lost = site.update(2)
    site.restart()
    site.batch.submits("well")
    status = site.update(2, 300)

    assert "its answer has no id: '\\x1b[31mSubmitted, perhaps'" in lost.reason
    assert status.submitted == 0
    assert [one.record.batch_id for one in status.pilots] == ["100"]


def test_a_refused_pilot_leaves_nothing_and_the_next_one_is_tried_later(site: Site) -> None:
    """One after the other, each later than the one before; the first that works ends this."""
    site.batch.submits("refuse")
    refused, early = site.update(8), site.update(8, 50)
    again, still_early = site.update(8, 20), site.update(8, 100)
    site.batch.submits("well")
    tried, probe = site.update(8, 30), site.update(8, 60)
    site.begin(site.batch.names[0])
    begun, working = site.update(0, 60), site.update(8, 100)

    assert refused.reason == "sbatch failed with exit code 1: sbatch: error: invalid partition"
    assert early.reason.startswith("for 10 s, after 1 failures in a row, the last one: sbatch failed")
    assert (again.submitted, len(site.batch.calls)) == (0, 2 + 1 + working.submitted)
    assert still_early.reason.startswith("for 20 s, after 2 failures in a row")
    assert (tried.submitted, probe.submitted, begun.submitted) == (1, 0, 0)
    assert probe.reason.startswith("one pilot is tried first, after 2 failures in a row")
    assert working.submitted == 3


def test_a_submit_that_hangs_is_ended_and_its_pilot_waited_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows whether it was accepted: it counts as waiting until it cannot appear any more."""
    site.batch.submits("hang")
    with monkeypatch.context() as patched:
        patched.setattr(pilot_queue, "SUBMIT_SECONDS", 0.2)
        hung = site.update(8)
    site.batch.submits("well")
    kept = site.update(8, 100)
    site.update(8, 100)
    gone = site.update(0, 100)

    assert hung.reason == "sbatch does not answer within 0.2 s"
    assert [one.state for one in kept.pilots] == [BatchState.WAITING]
    assert all(one.record.batch_id for one in gone.pilots)


def test_a_pilot_that_fails_is_told_with_the_last_line_of_its_daemon(site: Site) -> None:
    """Pilots that fail are not replaced at once."""
    site.update(1)
    name = site.batch.names[0]
    (site.directory.path / name / "output").write_text("first\nthe CA\x1b has expired\n")
    site.begin(name, "1")

    status = site.update(1, 10)

    assert status.submitted == 0
    assert f"pilot {name}: its daemon has ended with exit code 1: the CA? has expired" in status.reason
    assert (site.directory.path / "ended" / name / "output").exists()


def test_a_pilot_that_is_killed_after_a_while_is_no_failure(site: Site) -> None:
    """The time of the batch system is over; what is left of it is seen once its files must be there."""
    site.update(1)
    name = site.batch.names[0]
    site.begin(name)
    site.update(0, 600)
    site.batch.change(name, BatchState.ENDED)

    ending, over = site.update(0, 60), site.update(2, 20)

    assert [one.state for one in ending.pilots] == [None]
    assert (over.submitted, name in str(over.pilots)) == (1, False)


def test_a_clock_that_is_set_back_stops_nothing(site: Site) -> None:
    """Neither the pause after a failure nor the wait for a lost pilot becomes longer than it is."""
    site.batch.submits("refuse")
    site.update(2)
    site.batch.submits("well")
    site.update(2, -1e6)
    status = site.update(2, 61)

    assert status.submitted == 1


def test_a_kill_before_the_record_is_written_leaves_no_pilot(site: Site) -> None:
    """It was not submitted: a directory without a record is removed, what is no pilot stays."""
    (site.directory.path / "LGI0123456789ab").mkdir()
    (site.directory.path / "LGI0123456789ab" / "script").touch()
    (site.directory.path / "notes").mkdir()

    site.update(0)

    assert {one.name for one in site.directory.path.iterdir()} == {".lock", "ended", "notes", "status.json"}


def test_a_second_manager_of_a_directory_is_refused(site: Site) -> None:
    """It would submit the same pilots."""
    with pytest.raises(DirectoryInUseError, match=f"in use by another LGI_pilot .*pid {os.getpid()}"):
        PilotDirectory(site.directory.path).claim()


def test_a_record_that_is_none_is_left_alone(site: Site) -> None:
    """Its pilot counts no more; a link to another file is not followed."""
    site.update(6)
    names = sorted(site.batch.names)
    record = site.directory.path / names[0] / "record.json"
    record.write_text('{"name": "LGI0", "submitted_at": "x"}')
    other = site.directory.path / names[1] / "record.json"
    other.rename(other.with_name("moved"))
    other.symlink_to("moved")

    status = site.update(0, 60)

    assert [one.record.name for one in status.pilots] == [names[2]]
    assert record.exists()


def test_ended_pilots_are_kept_up_to_a_number(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The logs of the last ones are there."""
    monkeypatch.setattr("lgi_daemon.pilot.pilot_directory.KEPT", 1)
    site.update(6)
    for name in site.batch.names:
        site.begin(name, "0")

    site.update(0, 60)

    assert len(list((site.directory.path / "ended").iterdir())) == 1


class KilledError(BaseException):
    """The manager is killed."""


def killed_at(line: int) -> Callable[[FrameType, str, object], Any]:
    """A trace function that ends LGI_pilot at a line of its own code, counted from the start of an update."""
    left = [line]

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(PILOT):
            return None
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                raise KilledError
        return trace

    return trace


@pytest.mark.slow
@pytest.mark.parametrize("first", range(4))
def test_a_manager_that_is_killed_at_any_line_forgets_and_doubles_no_pilot(site: Site, first: int) -> None:
    """Each job in the batch system has its record, and there are no more of them than jobs need."""
    line, is_over = first + 1, False
    while not is_over:
        tracing = sys.gettrace()
        sys.settrace(killed_at(line))
        try:
            site.update(2)
            is_over = True
        except KilledError:
            is_over = False
        finally:
            sys.settrace(tracing)
        site.restart()
        status = site.update(2, 300)

        (name,) = site.batch.names
        assert name in {one.record.name for one in status.pilots if one.state is BatchState.WAITING}
        site.batch.remove(name)
        for _update in range(2):
            site.update(0, 300)
        site.directory.write_json("failures.json", {})
        site.restart()
        assert [one.name for one in site.directory.path.glob("LGI*")] == []
        line += 12 if line > 20 else 4
