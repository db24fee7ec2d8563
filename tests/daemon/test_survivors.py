"""Processes that try to survive their job: under root they are identified by the job's uid alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lgi_daemon.execution import processes, sandbox
from lgi_daemon.jobs.job import LocalJob
from tests.support.uids import UID
from tests.support.workshop import FAST, Workshop, only, until

from .conftest import IS_ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not IS_ROOT, reason="needs root")]

# Leaves the session, the process group and the environment behind, and forks all the time.
FLEE = (
    'setsid env -i PATH="$PATH" sh -c \'while :; do sh -c "sleep 5" & sleep 0.01; done\' > /dev/null 2>&1 &'
)


def fleeing(workshop: Workshop) -> LocalJob:
    """A job whose run script has ended, with processes of its uid in other sessions."""
    workshop.write_script("job_run_script", f"{FLEE}\n: > is_running")
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    until(lambda: (job.run.files(job.record).path / "is_running").exists() and not job.is_alive())
    assert job.record.uid in processes.users()
    return job


def test_processes_that_left_the_session_do_not_survive_the_job(workshop: Workshop) -> None:
    """At its removal everything of its uid is killed."""
    job = fleeing(workshop)

    job.remove()

    assert job.record.uid not in processes.users()
    assert workshop.tree() == []


def test_an_abort_kills_processes_that_left_the_session_while_the_server_is_away(workshop: Workshop) -> None:
    """The job does not run any more, whenever its end can be reported."""
    workshop.write_script("job_run_script", f"{FLEE}\n: > is_running")
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    workshop.marked(job, "is_running")
    workshop.server.change("1", state="aborting")
    workshop.server.fail("update", times=9)

    workshop.tick(daemon, FAST)

    assert list(daemon.jobs) == [job]
    until(lambda: job.record.uid not in processes.users())
    job.remove()


def test_a_uid_that_others_share_is_left_alone(workshop: Workshop) -> None:
    """A configured job_sandbox_uid, and one that an older daemon chose, may have other processes."""
    job = fleeing(workshop)
    job.save(own_uid=False)

    job.remove()

    assert job.record.uid in processes.users()
    assert sandbox.kill_uid(job.record.uid)


def test_a_uid_chosen_for_a_job_is_noted_as_its_own(workshop: Workshop) -> None:
    """Also over a restart; the configured one never is."""
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)

    daemon = workshop.restart(daemon)

    assert only(daemon).record.own_uid


def test_the_killer_cannot_be_stopped_by_its_victims(place: Path) -> None:
    """A job that stops everything of its uid, again and again, would stop what comes to end it too."""
    uid = UID + 30
    for _child in range(3):
        script = f"setpriv --reuid={uid} --clear-groups sh -c 'while :; do kill -STOP -1 2> /dev/null; done'"
        subprocess.Popen(["/bin/sh", "-c", script], cwd=place)
    until(lambda: uid in processes.users())

    assert sandbox.kill_uid(uid)


def test_no_process_is_looked_at_for_a_uid_without_any(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel knows; a machine with thousands of processes would be searched twice for each job."""
    uid = UID + 31
    with monkeypatch.context() as watched:
        watched.setattr(os, "listdir", lambda path: pytest.fail(f"searches {path}"))
        assert not processes.is_used(uid)
        assert not processes.is_used(sandbox.HIGHEST_UID)
    with subprocess.Popen(["setpriv", f"--reuid={uid}", "--clear-groups", "sleep", "300"]) as process:
        until(lambda: processes.is_used(uid))
        process.kill()
        # It has ended, but nobody has waited for it.
        until(lambda: not processes.is_used(uid))


def test_a_process_whose_other_uids_differ_is_seen(place: Path) -> None:
    """Its real uid is that of the job, whatever a program of its administrator has made of the others."""
    uid = UID + 32
    script = f"import os, time; os.setresuid({uid}, 0, 0); time.sleep(300)"
    with subprocess.Popen([sys.executable, "-c", script], cwd=place) as process:
        until(lambda: processes.is_used(uid))
        process.kill()


@pytest.mark.parametrize("uid", [0, 1, 999, 65534])
def test_a_uid_of_the_system_or_of_an_account_is_never_emptied(
    uid: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither root nor the daemon's user nor anybody known, whatever a record says."""
    monkeypatch.setattr(sandbox, "kill_all", lambda uid, _nobody: pytest.fail(f"kills all of {uid}"))
    monkeypatch.setattr(processes, "is_used", lambda _uid: True)

    assert sandbox.kill_uid(uid)
