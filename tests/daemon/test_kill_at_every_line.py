"""kill -9 at every write, deletion and call of a job's life: it ends once, with the right output."""

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lgi_daemon.jobs.job import LocalJob
from lgi_protocol.job_directory import JobDirectory
from tests.support.fake_server import FakeServer
from tests.support.memory import in_memory
from tests.support.workshop import FAST, SLOW, Workshop, until

# Each file operation and each call is a place to be killed at: some hundred lives of a daemon.
pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(600)]

# Of the calls of LGI, and of exchanges.
CYCLES = [0, 1]
_POINTS = ("replace", "mkdir", "unlink", "rmdir", "rename", "link", "write")


class Killed(BaseException):
    """Stands for the end of the process; nothing may catch it."""


class Killer:
    """Ends the daemon at its n-th visible effect; from then on it can have no effect at all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Counts only, until `arm` is called."""
        self.left = -1
        self.points = 0
        for name in _POINTS:
            monkeypatch.setattr(os, name, self._guard(getattr(os, name)))
        monkeypatch.setattr(FakeServer, "handle", self._guard(FakeServer.handle))
        # Between the record of a start and the release of its process.
        monkeypatch.setattr(LocalJob, "bound_memory", self._guard(LocalJob.bound_memory))

    def arm(self, left: int) -> None:
        """Kill after a number of effects; -1 is never."""
        self.left, self.points = left, 0

    def _guard(self, effect: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if self.points == self.left:
                raise Killed
            self.points += 1
            return effect(*args, **kwargs)

        return guarded


@dataclass(frozen=True)
class Life:
    """A part of a job's life: what the world does to a job that runs, and what must have come of it."""

    happens: Callable[[Workshop], None]
    state: str
    output: bytes
    scripts: set[str]
    silent: set[str]


def finishes(_workshop: Workshop) -> None:
    """Nothing happens to it."""


def is_aborted(workshop: Workshop) -> None:
    """Its user deletes it."""
    workshop.server.change("1", state="aborting")


def is_taken_over(workshop: Workshop) -> None:
    """Another daemon has it by now."""
    workshop.server.change("1", job_specifics=f"<daemon_reference> {'0' * 32} </daemon_reference>")


LIVES = {
    "finish": Life(finishes, "finished", b"the answer", {"run", "epilogue"}, {"abort"}),
    "abort": Life(is_aborted, "aborted", b"so far", {"abort"}, {"epilogue"}),
    "takeover": Life(is_taken_over, "running", b"", {"abort"}, {"epilogue"}),
}


def accept(workshop: Workshop) -> None:
    """A daemon's start, an offer, and the job runs."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.tick(daemon, 1.0)
    daemon.run.lock.release()


def end(workshop: Workshop, marks: tuple[str, ...] = (), output: bytes = b"") -> None:
    """A daemon's start, and a job from wherever it is to its end; without marks it leaves its own."""
    daemon = workshop.daemon()
    for seconds in (0.0, 1.0, FAST, SLOW, 1.0, FAST):
        for job in daemon.jobs:
            until(lambda job=job: not job.is_alive())  # type: ignore[misc]
            if marks and job.record.run is not None and "abort" not in workshop.acts():
                workshop.marked(job, *marks)
                (job.run.files(job.record).path / "LGI_output").write_bytes(output)
        workshop.tick(daemon, seconds)
    daemon.run.lock.release()


def killed(killer: Killer, left: int, live: Callable[[], None]) -> bool:
    """Run, and be killed after a number of effects; return whether that happened."""
    killer.arm(left)
    try:
        live()
        return False
    except Killed:
        return True
    finally:
        killer.arm(-1)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory in memory, if that can be had: a life makes and removes some hundred files."""
    path = Path(tempfile.mkdtemp(prefix="lgi-daemon-", dir=in_memory()))
    path.chmod(0o755)
    yield path

    def is_removed() -> bool:
        # A run script that was just started may still write.
        shutil.rmtree(path, ignore_errors=True)
        return not path.exists()

    until(is_removed)


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Killer:
    """Waits for its moment; chance is the same in every life."""
    monkeypatch.setattr(random, "uniform", lambda low, _high: low)
    monkeypatch.setattr(random, "randrange", lambda _end: 0)
    # kill -9 takes nothing that was written; a power cut might, and is not meant here.
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    monkeypatch.setattr(os, "fdatasync", lambda _descriptor: None)
    return Killer(monkeypatch)


def fresh(place: Path, left: int, exchange: int) -> Workshop:
    """A new resource for each kill, at a server that takes exchanges or has the calls of LGI only."""
    folder = place / str(left)
    folder.mkdir()
    folder.chmod(0o755)
    workshop = Workshop(folder, os.geteuid() == 0)
    workshop.server.exchange = exchange
    workshop.server.submit("1")
    return workshop


def after_the_kill(workshop: Workshop) -> None:
    """What the world does when a process has died."""
    _release_lock()
    workshop.now += 1000.0


def check(workshop: Workshop, life: Life, left: int) -> None:
    """It ended once and rightly, and nothing is left."""
    what = f"killed at {left}: {workshop.acts()}"
    assert workshop.server.jobs["1"].state == life.state, what
    assert workshop.server.jobs["1"].output == life.output, what
    assert life.scripts <= set(workshop.acts()), what
    assert not life.silent & set(workshop.acts()), what
    assert workshop.tree() == [], what
    assert list((workshop.run_path / ".records").iterdir()) == [], what
    assert not (workshop.run_path / ".broken").exists(), what
    assert workshop.server.locks == {}, what
    assert workshop.server.returned == [], what
    assert len(workshop.server.given) == len({reference for _job, reference in workshop.server.given}), what


@pytest.mark.parametrize("exchange", CYCLES)
def test_a_job_ends_once_and_rightly_wherever_the_daemon_is_killed_while_it_begins(
    place: Path, killer: Killer, exchange: int
) -> None:
    """From the offer to the run script: the next daemon completes the job, or is offered it again."""
    for left in range(1000):
        workshop = fresh(place, left, exchange)
        workshop.write_script("job_run_script", "printf 'the answer' > LGI_output; : > is_finished")
        if not killed(killer, left, partial(accept, workshop)):
            break
        after_the_kill(workshop)
        end(workshop)
        check(workshop, LIVES["finish"], left)
        assert workshop.acts().count("run") == 1, f"killed at {left}"
    assert left > (30 if exchange else 60)


@pytest.mark.parametrize("exchange", CYCLES)
@pytest.mark.parametrize("name", LIVES)
def test_a_job_ends_once_and_rightly_wherever_the_daemon_is_killed_while_it_ends(
    place: Path, killer: Killer, name: str, exchange: int
) -> None:
    """The job is finished, aborted by its user, or taken over: scripts and server get the right calls."""
    life = LIVES[name]
    marks = ("is_finished",) if name == "finish" else ("is_running",)
    output = life.output or b"lost"
    for left in range(1000):
        workshop = fresh(place, left, exchange)
        accept(workshop)
        life.happens(workshop)
        if not killed(killer, left, partial(end, workshop, marks, output)):
            break
        after_the_kill(workshop)
        end(workshop, marks, output)
        check(workshop, life, left)
    check(workshop, life, left)
    assert left > 30


def test_a_rejected_job_goes_back_wherever_the_daemon_is_killed(place: Path, killer: Killer) -> None:
    """Its limits script says no after an exchange has brought it: nothing of it is run.

    At every third place: those of its files are the places at which a job begins.
    """
    for left in range(0, 1000, 3):
        workshop = fresh(place, left, exchange=1)
        workshop.write_script("job_check_limits_script", "exit 1")
        if not killed(killer, left, partial(accept, workshop)):
            break
        after_the_kill(workshop)
        end(workshop)
        server, what = workshop.server, f"killed at {left}: {workshop.acts()}"
        assert server.jobs["1"].state == "queued", what
        assert server.jobs["1"].daemon_reference == "", what
        assert not {"prologue", "run"} & set(workshop.acts()), what
        assert workshop.tree() == list((workshop.run_path / ".records").iterdir()) == [], what
    assert left > 30


def _release_lock() -> None:
    """Release the lock as the kernel does for a dead process; here the process continues to run."""
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{descriptor}").endswith("/run/.lock"):
                os.close(int(descriptor))
        except OSError:
            continue


@pytest.mark.parametrize("spoil", ["LGI_state", "LGI_state.hash", "LGI_job_run_script", "LGI_input"])
def test_an_accepted_job_survives_a_torn_file(workshop: Workshop, spoil: str) -> None:
    """A file without its .hash, or an old one beside a new file, is written again from the record."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    (job,) = daemon.jobs
    directory = job.run.files(job.record).path
    (directory / spoil).unlink()
    (directory / spoil).write_bytes(b"torn")

    daemon = workshop.restart(daemon)

    assert len(daemon.jobs) == 1
    JobDirectory(directory).verify()
    assert JobDirectory(directory).read("LGI_input") == b"hi"
