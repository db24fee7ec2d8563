"""Execution of scripts: answers, limits, environment, and identification of processes."""

import os
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from lgi_daemon.execution import processes
from lgi_daemon.execution.processes import ProcessId, alive, identify, kill_session
from lgi_daemon.execution.scripts import NoAnswerError, ScriptContext, Scripts
from lgi_protocol.digest import digest
from tests.support.uids import UID
from tests.support.workshop import until

from .conftest import IS_ROOT, Write


@pytest.mark.parametrize("status", [0, 1, 77])
def test_the_exit_status_is_the_answer(write: Write, here: ScriptContext, status: int) -> None:
    """0 is yes, anything else no."""
    assert Scripts().status(write(f"exit {status}"), here) == status


def test_the_end_of_a_process_is_noticed_at_once_and_left_to_be_collected() -> None:
    """The kernel reports it; the exit status is still there."""
    child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
    assert child.stdin is not None

    processes.wait_for_exit(child.pid, 0.01)
    assert child.poll() is None
    threading.Timer(0.2, child.stdin.close).start()
    processes.wait_for_exit(child.pid, 600)

    assert child.poll() == 0


def test_a_script_without_a_first_line_is_run_by_sh(write: Write, here: ScriptContext) -> None:
    """As LGI: a file that is no program is a shell script."""
    script = write("")
    script.write_text("exit 5\n")

    assert Scripts().status(script, here) == 5


def test_a_script_that_cannot_be_run_says_no(here: ScriptContext) -> None:
    """A missing script is not a yes."""
    assert Scripts().status(Path("/nowhere/script"), here) != 0


def test_a_script_that_takes_too_long_is_killed_with_its_children(write: Write, here: ScriptContext) -> None:
    """Hole D8: The whole process group goes; the answer is neither yes nor no."""
    script = write("sleep 300 & echo $! > child.new; mv child.new child; wait")

    # On a busy machine it may not even begin in half a second.
    for seconds in (0.5, 5.0, 30.0):
        began = time.monotonic()
        with pytest.raises(NoAnswerError, match=rf"its timeout of {seconds:g} s and was killed"):
            Scripts().status(script, here, seconds)
        assert time.monotonic() - began < 60.0
        if (here.directory / "child").exists():
            break

    child = int((here.directory / "child").read_text())
    until(lambda: _is_zombie(child))


def test_a_script_sees_a_clean_environment(
    write: Write, here: ScriptContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hole D7: PATH with LGI's filters and programs in front, the hints, and nothing secret of the daemon."""
    monkeypatch.setenv("SECRET_TOKEN", "hush")

    Scripts().status(write("env > seen; pwd > where; umask > mask; read -r x && exit 1; exit 0"), here)

    seen = (here.directory / "seen").read_text()
    assert "SECRET_TOKEN" not in seen
    assert "LGI_JOB_ID=7\n" in seen
    first = next(line for line in seen.splitlines() if line.startswith("PATH="))
    assert [Path(folder).name for folder in first.split(":")[:2]] == ["filters", ".programs"]
    assert (here.directory / "where").read_text().strip() == str(here.directory)
    assert (here.directory / "mask").read_text().strip() == "0077"
    assert not (here.directory / "hacked").exists()


def test_a_script_finds_the_filters_under_their_short_names(write: Write, here: ScriptContext) -> None:
    """As LGI: xml, csv, hash, binhex and hexbin; hash is also a word of the shell, hence env."""
    script = write(
        "{ echo '<a> b, c </a>' | xml a | csv -e 2; printf A | binhex; echo 42 | hexbin; "
        "echo x | env hash; } > seen"
    )

    Scripts().status(script, here)

    seen = (here.directory / "seen").read_text()
    assert seen == f"c\n41B{digest(b'x' + bytes([10]))}\n"


def test_a_script_inherits_no_open_file(write: Write, here: ScriptContext, place: Path) -> None:
    """Hole D7: Logs and connections of the daemon stay its own."""
    with (place / "log").open("w") as opened:
        os.set_inheritable(opened.fileno(), True)

        Scripts().status(write("ls -l /proc/self/fd > fds"), here)

    assert str(place / "log") not in (here.directory / "fds").read_text()


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_a_script_runs_under_root_as_another_user_without_groups(write: Write, here: ScriptContext) -> None:
    """Hole D7: uid and gid of the job, no supplementary group."""
    Scripts().status(write("id -u > uid; id -G > groups"), here)

    assert (here.directory / "uid").read_text() == f"{UID}\n"
    assert (here.directory / "groups").read_text() == f"{UID}\n"


@pytest.mark.slow
@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_a_user_that_stops_all_its_processes_cannot_stop_the_start_of_a_script(
    write: Write, here: ScriptContext
) -> None:
    """Stopped before its first line it is a script that takes too long: nothing waits for ever."""
    stopper = write("echo > up; while :; do kill -STOP -1 2> /dev/null; done")
    identity = Scripts().start(stopper, here, lambda _identity: None)
    try:
        until(lambda: (here.directory / "up").exists())
        began = time.monotonic()

        for _look in range(10):
            with suppress(NoAnswerError):
                Scripts().status(write("exit 0"), here, 0.2)

        assert time.monotonic() - began < 60.0
    finally:
        kill_session(identity, "LGI_JOB_ID=7")


def test_a_background_script_is_noted_before_its_first_line(write: Write, here: ScriptContext) -> None:
    """Its identity is known, and can be on disk, before it does anything."""
    noted: list[tuple[ProcessId, bool]] = []

    def note(identity: ProcessId) -> None:
        noted.append((identity, (here.directory / "began").exists()))

    identity = Scripts().start(write(": > began; exec sleep 300"), here, note)

    assert noted == [(identity, False)]
    until(lambda: (here.directory / "began").exists())
    assert alive(identity)
    kill_session(identity, "LGI_JOB_ID=7")


def test_a_background_script_never_runs_when_it_could_not_be_noted(write: Write, here: ScriptContext) -> None:
    """Hole D18: A daemon that dies in between leaves no unknown process."""

    def note(_identity: ProcessId) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        Scripts().start(write(": > began"), here, note)

    time.sleep(0.2)
    assert not (here.directory / "began").exists()


def test_a_killed_session_has_no_process_left(write: Write, here: ScriptContext) -> None:
    """Also what the leader has left behind."""
    script = write("sleep 60 & echo $! > child; mv child pid; exec sleep 0.1")
    identity = Scripts().start(script, here, lambda _identity: None)
    until(lambda: (here.directory / "pid").exists() and not alive(identity))
    child = identify(int((here.directory / "pid").read_text()))

    killed = kill_session(identity, "LGI_JOB_ID=7")

    assert killed == 1
    until(lambda: not alive(child))


def test_a_recycled_number_is_not_killed(write: Write, here: ScriptContext) -> None:
    """Hole D12: The same pid with another start, or of another boot, is a stranger."""
    identity = Scripts().start(write("exec sleep 300"), here, lambda _identity: None)

    earlier = kill_session(replace(identity, started=identity.started - 1), "LGI_JOB_ID=8")
    other_boot = kill_session(replace(identity, boot="another"), "LGI_JOB_ID=7")

    assert (earlier, other_boot) == (0, 0)
    assert alive(identity)
    kill_session(identity, "")
    until(lambda: not alive(identity))


def test_an_ended_process_is_not_alive_though_nobody_waited_for_it(write: Write, here: ScriptContext) -> None:
    """A zombie runs nothing."""
    scripts = Scripts()
    identity = scripts.start(write("exit 0"), here, lambda _identity: None)

    until(lambda: not alive(identity))
    scripts.reap()
    # The fork server waits for it in its own time.
    until(lambda: processes.stat_of(identity.pid) is None)


def _is_zombie(pid: int) -> bool:
    stat = processes.stat_of(pid)
    return stat is None or stat[0] == "Z"
