"""Running scripts: limits, environment, identity, and what a hostile job cannot do."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lgi_daemon import processes
from lgi_daemon.processes import Identity, alive, identify, kill_session
from lgi_daemon.scripts import NoAnswer, Place, Scripts

from .workshop import FAST, Workshop, only, until

Write = Callable[[str], Path]
IS_ROOT = os.geteuid() == 0


@pytest.fixture
def write(place: Path) -> Write:
    """Makes a script of a body."""

    def make(body: str) -> Path:
        script = place / "script"
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
        return script

    return make


@pytest.fixture
def here(place: Path) -> Place:
    """A job's directory, under root with a user of its own."""
    directory = place / "job directory; $(touch hacked)"
    directory.mkdir()
    uid = 2_345_678 if IS_ROOT else None
    if uid is not None:
        os.chown(directory, uid, uid)
    return Place(directory, uid, {"LGI_JOB_ID": "7"})


@pytest.mark.parametrize("status", [0, 1, 77])
def test_the_exit_status_is_the_answer(write: Write, here: Place, status: int) -> None:
    """0 is yes, anything else no."""
    assert Scripts().status(write(f"exit {status}"), here) == status


def test_a_script_without_a_first_line_is_run_by_sh(write: Write, here: Place) -> None:
    """As LGI: a file that is no program is a shell script."""
    script = write("")
    script.write_text("exit 5\n")

    assert Scripts().status(script, here) == 5


def test_a_script_that_cannot_be_run_says_no(here: Place) -> None:
    """A missing script is not a yes."""
    assert Scripts().status(Path("/nowhere/script"), here) != 0


def test_a_script_that_takes_too_long_is_killed_with_its_children(write: Write, here: Place) -> None:
    """The whole process group goes; the answer is neither yes nor no."""
    script = write("sleep 60 & echo $! > child; wait")

    began = time.monotonic()
    with pytest.raises(NoAnswer, match=r"more than 0\.5 s and was killed"):
        Scripts().status(script, here, 0.5)

    assert time.monotonic() - began < 5.0
    child = int((here.directory / "child").read_text())
    until(lambda: not (Path("/proc") / str(child)).exists() or _is_zombie(child))


def test_a_script_sees_a_clean_environment(
    write: Write, here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PATH with LGI's programs in front, the hints, and nothing secret of the daemon."""
    monkeypatch.setenv("SECRET_TOKEN", "hush")

    Scripts().status(write("env > seen; pwd > where; umask > mask; read -r x && exit 1; exit 0"), here)

    seen = (here.directory / "seen").read_text()
    assert "SECRET_TOKEN" not in seen
    assert "LGI_JOB_ID=7\n" in seen
    first = next(line for line in seen.splitlines() if line.startswith("PATH="))
    assert first.removeprefix("PATH=").split(":")[0].endswith("/bin")
    assert (here.directory / "where").read_text().strip() == str(here.directory)
    assert (here.directory / "mask").read_text().strip() == "0077"
    assert not (here.directory / "hacked").exists()


def test_a_script_inherits_no_open_file(write: Write, here: Place, place: Path) -> None:
    """Logs and connections of the daemon stay its own."""
    with (place / "log").open("w") as opened:
        os.set_inheritable(opened.fileno(), True)

        Scripts().status(write("ls -l /proc/self/fd > fds"), here)

    assert str(place / "log") not in (here.directory / "fds").read_text()


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_under_root_a_script_is_another_user_without_groups(write: Write, here: Place) -> None:
    """uid and gid of the job, no supplementary group."""
    Scripts().status(write("id -u > uid; id -G > groups"), here)

    assert (here.directory / "uid").read_text() == "2345678\n"
    assert (here.directory / "groups").read_text() == "2345678\n"


def test_a_background_script_is_noted_before_its_first_line(write: Write, here: Place) -> None:
    """Its identity is known, and can be on disk, before it does anything."""
    noted: list[tuple[Identity, bool]] = []

    def note(identity: Identity) -> None:
        noted.append((identity, (here.directory / "began").exists()))

    identity = Scripts().start(write(": > began; exec sleep 5"), here, note)

    assert noted == [(identity, False)]
    until(lambda: (here.directory / "began").exists())
    assert alive(identity)
    kill_session(identity, "LGI_JOB_ID=7")


def test_a_background_script_never_runs_when_it_could_not_be_noted(write: Write, here: Place) -> None:
    """A daemon that dies in between leaves no unknown process."""

    def note(_identity: Identity) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        Scripts().start(write(": > began"), here, note)

    time.sleep(0.2)
    assert not (here.directory / "began").exists()


def test_killing_a_session_takes_all_of_it(write: Write, here: Place) -> None:
    """Also what the leader has left behind."""
    script = write("sleep 60 & echo $! > child; mv child pid; exec sleep 0.1")
    identity = Scripts().start(script, here, lambda _identity: None)
    until(lambda: (here.directory / "pid").exists() and not alive(identity))
    child = identify(int((here.directory / "pid").read_text()))

    killed = kill_session(identity, "LGI_JOB_ID=7")

    assert killed == 1
    until(lambda: not alive(child))


def test_a_recycled_number_is_not_killed(write: Write, here: Place) -> None:
    """The same pid with another start, or of another boot, is a stranger."""
    identity = Scripts().start(write("exec sleep 60"), here, lambda _identity: None)

    earlier = kill_session(replace(identity, started=identity.started - 1), "LGI_JOB_ID=8")
    other_boot = kill_session(replace(identity, boot="another"), "LGI_JOB_ID=7")

    assert (earlier, other_boot) == (0, 0)
    assert alive(identity)
    kill_session(identity, "")
    until(lambda: not alive(identity))


def test_an_ended_process_is_not_alive_though_nobody_waited_for_it(write: Write, here: Place) -> None:
    """A zombie runs nothing."""
    scripts = Scripts()
    identity = scripts.start(write("exit 0"), here, lambda _identity: None)

    until(lambda: not alive(identity))
    scripts.reap()
    assert processes._stat(identity.pid) is None


def test_a_linked_output_shows_nothing_of_others(workshop: Workshop) -> None:
    """D2: LGI_output as a link would send any file the daemon can read."""
    workshop.server.submit("1")
    secret = workshop.place / "secret"
    secret.write_text("private key")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_finished")
    output = job.run.files(job.record).path / "LGI_output"
    output.unlink()
    output.symlink_to(secret)

    workshop.tick(daemon, 1.0)

    assert workshop.server.jobs["1"].state == "finished"
    assert workshop.server.jobs["1"].output == b""
    assert secret.read_text() == "private key"


@pytest.mark.parametrize("kind", ["pipe", "directory"])
def test_an_output_that_is_no_file_does_not_block(workshop: Workshop, kind: str) -> None:
    """A pipe nobody writes to must not stop the daemon."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_finished")
    output = job.run.files(job.record).path / "LGI_output"
    output.unlink()
    os.mkfifo(output) if kind == "pipe" else output.mkdir()

    workshop.tick(daemon, 1.0)

    assert workshop.server.jobs["1"].state == "finished"


def test_a_job_cannot_change_what_is_run_for_it(workshop: Workshop) -> None:
    """D1: scripts and uid come from the record, also after a restart, whatever its directory says."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_running")
    directory = job.run.files(job.record).path
    for name in ("LGI_job_check_running_script", "LGI_job_sandbox_uid", "LGI_job_id"):
        (directory / name).unlink()
        (directory / name).write_text("#!/bin/sh\n: > /tmp/never\nexit 1\n")
    workshop.tick(daemon, 2.0)

    daemon = workshop.restart(daemon)
    workshop.tick(daemon, FAST)

    assert only(daemon).record.job_id == "1"
    assert only(daemon).record.uid == job.record.uid
    assert workshop.acts().count("prologue") == 1
    assert not Path("/tmp/never").exists()


def test_edited_originals_do_not_touch_a_running_job(workshop: Workshop) -> None:
    """Scripts are frozen when a job is accepted."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    workshop.write_script("job_epilogue_script", "exit 1")

    workshop.tick(daemon, 1.0)

    assert workshop.server.jobs["1"].state == "finished"


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_under_root_every_job_has_a_user_and_a_closed_directory_of_its_own(workshop: Workshop) -> None:
    """A random uid from the reserved range; nobody else can look in, nor read the record or the scripts."""
    for job_id in ("1", "2"):
        workshop.server.submit(job_id)
    daemon = workshop.daemon()
    workshop.tick(daemon)

    uids = [job.record.uid for job in daemon.jobs]
    assert len(set(uids)) == 2
    for job in daemon.jobs:
        info = job.run.files(job.record).path.stat()
        assert (info.st_uid, info.st_mode & 0o777) == (job.record.uid, 0o700)
        assert 2_000_000 <= job.record.uid < 3_000_000
        script = job.run.script(job.record, "job_run_script").stat()
        assert (script.st_uid, script.st_gid, script.st_mode & 0o777) == (0, job.record.uid, 0o550)


def _is_zombie(pid: int) -> bool:
    stat = processes._stat(pid)
    return stat is None or stat[0] == "Z"
