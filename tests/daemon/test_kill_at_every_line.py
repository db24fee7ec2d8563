"""kill -9 at every write, deletion and call of a job's life: it ends once, with the right output."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from lgi_protocol.job_directory import JobDirectory

from .fake_server import FakeServer
from .workshop import FAST, SLOW, Workshop

_POINTS = ("replace", "mkdir", "unlink", "rmdir", "rename")


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

    def arm(self, left: int) -> None:
        """Kill after so many effects; -1 is never."""
        self.left, self.points = left, 0

    def _guard(self, effect: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if self.points == self.left:
                raise Killed
            self.points += 1
            return effect(*args, **kwargs)

        return guarded


def life(workshop: Workshop) -> None:
    """A daemon's start, and a job from the offer to the report."""
    daemon = workshop.daemon()
    for seconds in (0.0, 1.0, FAST, SLOW, 1.0, FAST):
        for job in daemon.jobs:
            if job.record.run is not None:
                workshop.marked(job, "is_finished")
                (job.run.files(job.record).path / "LGI_output").write_bytes(b"the answer")
        workshop.tick(daemon, seconds)
    daemon.run.release()


def killed_life(workshop: Workshop, killer: Killer, left: int) -> bool:
    """The same, killed after so many effects; whether it came to that."""
    killer.arm(left)
    try:
        life(workshop)
        return False
    except Killed:
        return True
    finally:
        killer.arm(-1)


def test_a_job_ends_once_and_rightly_wherever_the_daemon_is_killed(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart every job the server gave us is finished, and nothing is left on disk."""
    killer = Killer(monkeypatch)
    points = 0
    for left in range(1000):
        folder = place / str(left)
        folder.mkdir()
        folder.chmod(0o755)
        workshop = Workshop(folder, os.geteuid() == 0)
        workshop.server.submit("1")
        workshop.write_script("job_run_script", "cat LGI_input > LGI_output; : > is_finished")
        if not killed_life(workshop, killer, left):
            points = left
            break
        _release_lock()
        workshop.server.locks.clear()  # as the server does when a session has died

        workshop.now += 1000.0
        life(workshop)

        assert workshop.server.jobs["1"].state == "finished", f"killed at {left}"
        assert workshop.server.jobs["1"].output == b"the answer", f"killed at {left}"
        assert workshop.tree() == [], f"killed at {left}"
        assert list((workshop.run_path / ".records").iterdir()) == [], f"killed at {left}"
        assert not (workshop.run_path / ".broken").exists(), f"killed at {left}"
        assert workshop.server.locks == {}, f"killed at {left}"
    assert points > 100


def _release_lock() -> None:
    """The kernel frees a dead process's lock; here the process goes on living."""
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
