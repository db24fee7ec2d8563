"""The fork server of a daemon: what it starts is recorded first, and goes on when one of them dies."""

import os
import re
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lgi_daemon.execution import processes
from lgi_daemon.execution.children import Child, ForkServer, Program
from lgi_daemon.execution.process_watch import ProcessWatch
from lgi_daemon.execution.processes import ProcessId
from lgi_daemon.execution.scripts import NoAnswerError, ScriptContext, Scripts
from tests.support.workshop import until

from .conftest import IS_ROOT, Write

needs_root = pytest.mark.skipif(not IS_ROOT, reason="needs root")


def server_of(child: Child) -> int:
    """The process that has started a child."""
    stat = processes.stat_of(child.pid)
    assert stat is not None
    return int(stat[1])


def waiting(script: Path, here: ScriptContext, server: ForkServer) -> Child:
    """A process that waits for its release."""
    return server.start(Program([str(script)], here.directory, here.environment(), uid=here.uid))


def ended(pid: int) -> bool:
    """Whether a process has ended."""
    stat = processes.stat_of(pid)
    return stat is None or stat[0] == "Z"


def test_a_process_that_is_not_released_never_runs_its_program(write: Write, here: ScriptContext) -> None:
    """The daemon may die before it has recorded it."""
    server = ForkServer()
    child = waiting(write(": > ran"), here, server)

    child.close()

    until(lambda: ended(child.pid))
    assert not (here.directory / "ran").exists()
    server.close()


def test_a_daemon_that_dies_takes_its_fork_server_with_it(write: Write, here: ScriptContext) -> None:
    """A job goes on; a process that waits does not."""
    server = ForkServer()
    child, job = waiting(write(": > ran"), here, server), waiting(write("exec sleep 300"), here, server)
    started_by = server_of(child)
    job.release()

    # As the kernel does for a dead process.
    job.close()
    child.close()
    server.close()

    until(lambda: ended(started_by) and ended(child.pid))
    assert not ended(job.pid)
    os.killpg(job.pid, signal.SIGKILL)


def test_a_script_whose_fork_server_dies_has_no_answer(write: Write, here: ScriptContext) -> None:
    """Its exit status is unknown: it is killed, and the next script has another fork server."""
    # A number of its own: processes of other tests sleep, too.
    victim = f"kill -9 $PPID; exec sleep 600.{os.getpid()}"
    scripts = Scripts()
    as_daemon = replace(here, uid=None)

    with pytest.raises(NoAnswerError, match="not known"):
        scripts.status(write(victim), as_daemon)

    assert scripts.status(write("exit 7"), as_daemon) == 7
    pattern = re.escape(victim.split("exec ")[1])
    until(lambda: not subprocess.run(["pgrep", "-f", pattern], capture_output=True, check=False).stdout)


def test_a_job_goes_on_when_its_fork_server_dies(write: Write, here: ScriptContext) -> None:
    """It is recognized by its number and its start, whoever is its parent."""
    as_daemon = replace(here, uid=None)

    identity: ProcessId = Scripts().start(
        write("kill -9 $PPID; exec sleep 300"), as_daemon, lambda _one: None
    )

    until(lambda: os.readlink(f"/proc/{identity.pid}/exe").endswith("sleep"))
    assert processes.alive(identity)
    os.killpg(identity.pid, signal.SIGKILL)


@pytest.mark.parametrize("body", ["exit 3", "kill -9 $$"])
def test_an_exit_status_is_that_of_the_program(write: Write, here: ScriptContext, body: str) -> None:
    """A signal has a negative number."""
    assert Scripts().status(write(body), here) == (3 if body == "exit 3" else -9)


def test_a_program_that_is_missing_or_cannot_be_started_fails_as_in_a_shell(here: ScriptContext) -> None:
    """127 and 126: the daemon cannot know more of a script that was changed meanwhile."""
    plain = here.directory / "plain"
    plain.write_text("exit 0\n")
    plain.chmod(0o644)

    assert Scripts().status(here.directory / "missing", here) == 127
    assert Scripts().status(plain, here) == 126


@needs_root
def test_a_job_has_no_capability_and_gains_none(write: Write, here: ScriptContext) -> None:
    """Neither now nor by any program that it starts."""
    Scripts().status(write("grep -E '^(Cap|NoNewPrivs|Groups|Uid|Gid)' /proc/self/status > seen"), here)

    seen = dict(line.split(":", 1) for line in (here.directory / "seen").read_text().splitlines())
    assert {name: int(value, 16) for name, value in seen.items() if name.startswith("Cap")} == dict.fromkeys(
        ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), 0
    )
    assert seen["NoNewPrivs"].strip() == "1"
    assert seen["Groups"].strip() == ""
    assert set(seen["Uid"].split()) == set(seen["Gid"].split()) == {str(here.uid)}


def test_a_process_is_seen_until_it_has_ended(write: Write, here: ScriptContext) -> None:
    """By its number in between, and by its start once a second: a number may be used again."""
    identity = Scripts().start(write("exec sleep 300"), replace(here, uid=None), lambda _one: None)
    seconds = [0.0]
    watch = ProcessWatch(lambda: seconds[0])
    later = ProcessWatch(lambda: seconds[0])
    former = replace(identity, started=identity.started - 1)

    assert watch.sees(identity)
    assert watch.sees(identity)
    assert not later.sees(former)
    assert not later.sees(former), "it has not come back"
    seconds[0] = 1.0
    assert not later.sees(former)
    os.killpg(identity.pid, signal.SIGKILL)
    until(lambda: not watch.sees(identity))


def test_a_process_that_has_ended_is_not_seen_again_before_its_parent_waits_for_it() -> None:
    """Its number is still there: two looks one after the other must agree, or no check of its job begins."""
    seconds = [0.0]
    watch = ProcessWatch(lambda: seconds[0])
    child = subprocess.Popen(["sleep", "300"])
    identity = processes.identify(child.pid)
    assert watch.sees(identity)
    child.kill()
    until(lambda: not processes.alive(identity))

    missed = watch.sees(identity)
    seconds[0] = 1.0
    seen = [watch.sees(identity), watch.sees(identity)]
    child.wait()

    assert missed, "a look in /proc comes once a second"
    assert seen == [False, False]
