"""What a job may not do when the daemon is root, and whose user it is."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lgi_daemon.config.model import load
from lgi_daemon.config.section import ConfigurationError
from lgi_daemon.execution import processes, sandbox
from lgi_daemon.execution.environment import PASSED_ON
from lgi_daemon.execution.rlimits import ResourceLimits
from lgi_daemon.execution.sandbox import UIDS, choose_uid, is_job_uid, kill_uid
from lgi_daemon.execution.scripts import ScriptContext, Scripts
from lgi_daemon.rundir.record import from_json, to_json
from tests.support.uids import UID
from tests.support.workshop import Workshop, only, until

from .conftest import IS_ROOT, Write
from .test_configuration import complaint, edit

needs_root = pytest.mark.skipif(not IS_ROOT, reason="needs root")
BEFORE = "<capabilities>"
RESOURCE = "<owner_allow> <any> 10"


def background(write: Write, here: ScriptContext, body: str) -> str:
    """What a run script writes into the file ``seen``."""
    Scripts().start(write(f"{body} > seen.new 2>&1; mv seen.new seen"), here, lambda _identity: None)
    until(lambda: (here.directory / "seen").exists())
    return (here.directory / "seen").read_text()


@needs_root
def test_a_script_has_no_capability_and_can_gain_none(write: Write, here: ScriptContext) -> None:
    """Hole D7: not one bit in any set, also not in the bounding set, and no_new_privs."""
    Scripts().status(write("grep -E 'Cap|NoNewPrivs|Uid|Gid|Groups' /proc/self/status > seen"), here)

    lines = dict(line.split(":", 1) for line in (here.directory / "seen").read_text().splitlines())
    seen = {name: value.split() for name, value in lines.items()}
    assert {name: seen[name] for name in seen if name.startswith("Cap")} == {
        name: ["0" * 16] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    }
    assert seen["NoNewPrivs"] == ["1"]
    assert set(seen["Uid"]) == set(seen["Gid"]) == {str(UID)}
    assert set(seen["Groups"]) <= {str(UID)}


@needs_root
def test_a_set_user_id_program_gives_a_job_nothing(write: Write, here: ScriptContext, place: Path) -> None:
    """Hole D7: what would make anybody root leaves the job what it is."""
    suid = place / "id"
    shutil.copy(shutil.which("id") or "", suid)
    suid.chmod(0o4755)
    assert suid.stat().st_mode & stat.S_ISUID
    gained = subprocess.run(
        ["setpriv", f"--reuid={UID}", "--clear-groups", suid, "-u"],
        capture_output=True,
        text=True,
        check=True,
    )

    Scripts().status(write(f"{suid} -u > seen"), here)

    assert gained.stdout == "0\n"
    assert (here.directory / "seen").read_text() == f"{UID}\n"


@needs_root
def test_the_directory_of_one_job_is_closed_to_the_other(workshop: Workshop) -> None:
    """Two jobs, two users: neither can list, read or write what the other has."""
    for job_id in ("1", "2"):
        workshop.server.submit(job_id)
    daemon = workshop.daemon()
    workshop.tick(daemon)
    first, second = (job.run.files(job.record).path for job in daemon.jobs)
    spy = workshop.place / "spy"
    spy.write_text(
        f"#!/bin/sh\ncat {first}/* || ls {first} || : > {first}/x || cat {first}/../../../.records/*/*\n"
    )
    spy.chmod(0o755)
    uid = second.stat().st_uid

    assert Scripts().status(spy, ScriptContext(second, uid)) != 0
    assert not (first / "x").exists()


@pytest.mark.parametrize(
    ("limits", "flag", "value"),
    [
        (ResourceLimits(core_size=0), "c", "0"),
        (ResourceLimits(open_files=77), "n", "77"),
        (ResourceLimits(file_size=1024 * 512), "f", "1024"),
        (ResourceLimits(cpu_seconds=5), "t", "5"),
    ],
)
def test_a_script_is_within_its_limits(
    write: Write, here: ScriptContext, limits: ResourceLimits, flag: str, value: str
) -> None:
    """Soft and hard, from its first line on; what is not said stays as it is."""
    place = replace(here, limits=limits)

    Scripts().status(write(f"ulimit -H -{flag} > seen; ulimit -S -{flag} >> seen"), place)

    assert (here.directory / "seen").read_text().split() == [value, value]


def test_a_file_cannot_grow_beyond_its_limit(write: Write, here: ScriptContext) -> None:
    """The disk of a resource is not a job's to fill."""
    place = replace(here, limits=ResourceLimits(file_size=4096))

    status = Scripts().status(write("head -c 100000 /dev/zero > big"), place)

    assert status != 0
    assert (here.directory / "big").stat().st_size == 4096


@needs_root
def test_a_job_cannot_have_more_processes_than_allowed_but_can_be_asked(
    write: Write, here: ScriptContext
) -> None:
    """A fork bomb stops at its limit; the scripts that ask about it are not counted against it."""
    # Processes of other tests that have ended count too, until somebody waits for them.
    uid = choose_uid(0, (), range(UID + 200, UID + 900))
    place = replace(here, uid=uid, limits=ResourceLimits(processes=20))
    bomb = "for n in $(seq 100); do sleep 300 & done"

    Scripts().start(write(bomb), place, lambda _identity: None)
    try:
        until(lambda: count(uid) >= 19)
        answered = Scripts().status(write("true | cat | cat; exit 0"), place)

        assert count(uid) <= 20
        assert answered == 0
    finally:
        kill_uid(uid)


def count(uid: int) -> int:
    """How many processes a user has."""
    found = subprocess.run(["ps", "-o", "stat=", "-U", str(uid)], capture_output=True, text=True, check=False)
    return len([line for line in found.stdout.split() if not line.startswith("Z")])


@needs_root
def test_a_uid_is_never_one_of_a_process_a_job_or_an_account(write: Write, here: ScriptContext) -> None:
    """Hole D6: one of three uids has a process and one a job: it is always the third, until that is taken."""
    uids = range(UID - 1, UID + 2)
    identity = Scripts().start(write("exec sleep 300"), here, lambda _identity: None)
    until(lambda: UID in processes.users())

    chosen = {choose_uid(0, {UID - 1}, uids) for _time in range(50)}
    with pytest.raises(
        RuntimeError, match=f"no uid between {UID - 1} and {UID + 1} is free: set job_sandbox_uids"
    ):
        choose_uid(0, {UID - 1, UID + 1}, uids)

    assert chosen == {UID + 1}
    processes.kill_session(identity, "LGI_JOB_ID=7")


def test_a_directory_service_is_asked_once_for_the_uid_of_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account is always looked up: it may have been removed."""
    asked: list[int] = []

    def find(uid: int) -> None:
        asked.append(uid)
        if uid == UIDS.stop:
            raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", find)
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    answers = [is_job_uid(uid) for uid in (UIDS.stop, UIDS.stop, UIDS.stop + 1, UIDS.stop + 1)]

    assert answers == [True, True, False, False]
    assert asked == [UIDS.stop, UIDS.stop + 1, UIDS.stop + 1]


@needs_root
def test_uids_are_not_the_same_after_a_restart(workshop: Workshop) -> None:
    """Hole D6: the uid of the next job cannot be predicted."""
    drawn = {choose_uid(0, ()) for _time in range(20)}

    assert len(drawn) > 15
    assert all(2_000_000 <= uid < 3_000_000 for uid in drawn)


@needs_root
def test_jobs_get_their_uids_from_the_configured_range_and_wait_when_there_is_none(
    workshop: Workshop,
) -> None:
    """Two uids, two jobs; the third stays queued until one is free."""
    workshop.uids = range(2_500_000, 2_500_002)
    for job_id in ("1", "2", "3"):
        workshop.server.submit(job_id)
    daemon = workshop.daemon()
    workshop.tick(daemon)

    assert sorted(job.record.uid for job in daemon.jobs) == [2_500_000, 2_500_001]
    assert workshop.server.jobs["3"].state == "queued"
    workshop.marked(next(iter(daemon.jobs)), "is_finished")
    workshop.tick(daemon, 1.0)
    workshop.tick(daemon, 1.0)
    assert workshop.server.jobs["3"].state == "running"


def test_the_limits_of_a_job_are_frozen_when_it_is_taken(workshop: Workshop) -> None:
    """They are in its record, also for the next daemon; a record of an older daemon has none."""
    workshop.limits = ResourceLimits(open_files=99)
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    workshop.limits = ResourceLimits(open_files=11)

    daemon = workshop.restart(daemon)

    record = only(daemon).record
    assert only(daemon).context.limits.open_files == 99
    older = to_json(record).replace(b'"limits"', b'"unknown"')
    assert from_json(older).limits == ResourceLimits()


def test_the_limits_of_jobs_are_read_from_the_configuration(file: Path) -> None:
    """All tags are optional; without root nothing is bounded that is not configured."""
    plain = load(file, as_root=False).projects[0].applications[0].limits
    tags = (
        "<job_max_processes> 10 </job_max_processes> <job_max_open_files> 20 </job_max_open_files>"
        "<job_max_file_size> 4096 </job_max_file_size> <job_max_cpu_seconds> 60 </job_max_cpu_seconds>"
    )
    edit(file, BEFORE, f"{tags} {BEFORE}")

    limits = load(file, as_root=False).projects[0].applications[0].limits

    assert plain == ResourceLimits()
    assert limits == ResourceLimits(processes=10, open_files=20, file_size=4096, cpu_seconds=60)


@needs_root
def test_a_daemon_of_root_bounds_its_jobs_without_any_tag(file: Path) -> None:
    """No core dumps, 1024 processes, 4096 open files; a uid that jobs share has no number of processes."""
    own = load(file, as_root=True).projects[0].applications[0].limits
    edit(file, BEFORE, f"<job_sandbox_uid> 50001 </job_sandbox_uid> {BEFORE}")

    shared = load(file, as_root=True).projects[0].applications[0].limits

    assert own == ResourceLimits(processes=1024, open_files=4096, core_size=0)
    assert shared == ResourceLimits(open_files=4096, core_size=0)


def test_the_range_of_uids_is_read_from_the_configuration(file: Path) -> None:
    """FIRST-LAST; without it the usual range."""
    usual = load(file, as_root=False).sandbox_uids
    edit(
        file,
        RESOURCE,
        "<job_sandbox_uids> 70000 - 70999 </job_sandbox_uids> <owner_allow> <any> 10",
    )

    assert usual == range(2_000_000, 3_000_000)
    assert load(file, as_root=False).sandbox_uids == range(70_000, 71_000)


@pytest.mark.parametrize(
    "text", ["70000", "0-100", "999-5000", "70999-70000", "70000-70010", "5000000000-5000000100"]
)
def test_a_range_that_cannot_be_used_is_refused(file: Path, text: str) -> None:
    """Backwards, of the system's users, beyond all numbers, or too small for the resource's job_limit."""
    edit(
        file,
        RESOURCE,
        f"<job_sandbox_uids> {text} </job_sandbox_uids> <owner_allow> <any> 10",
    )

    message = complaint(file)

    assert message.startswith(
        f"LGI/resource/job_sandbox_uids is {text!r}: it must be FIRST-LAST, from 1000 to "
    )
    assert "as many uids as job_limit has jobs, 20" in message


def test_root_without_setpriv_is_told_what_to_install(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No job is ever run with more rights for want of a program."""
    monkeypatch.setattr("lgi_daemon.execution.sandbox.SETPRIV", "")

    with pytest.raises(ConfigurationError, match=r"setpriv is missing, .* install util-linux"):
        load(file, as_root=True)


@needs_root
@pytest.mark.parametrize("hidden", ["python", "packages"])
def test_an_administrator_is_told_that_jobs_cannot_use_the_programs(
    place: Path, monkeypatch: pytest.MonkeyPatch, hidden: str
) -> None:
    """What is in root's home, Python or LGI itself, is found by the daemon and by no job of another user."""
    before = sandbox.programs_problem(UID)
    home = place / "home"
    home.mkdir(mode=0o700)
    python = (home if hidden == "python" else place) / "python"
    python.symlink_to(sys.executable)
    if hidden == "packages":
        # A Python without the packages of this one, which finds LGI by the environment of the daemon only.
        python.unlink()
        python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
        python.chmod(0o755)
        monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setattr(sys, "executable", str(python))

    after = sandbox.programs_problem(UID)

    assert before == ""
    assert after.startswith(f"jobs under uids of their own cannot run {python}, so LGI_xml")


def test_the_environment_of_a_sandboxed_script_is_the_documented_one(
    write: Write, here: ScriptContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hole D7: these names and no other, whatever the daemon was started with."""
    monkeypatch.setenv("LD_PRELOAD", "")
    monkeypatch.setenv("AWS_SECRET", "x")
    monkeypatch.setenv("BASH_ENV", "x")
    usual = {*PASSED_ON, "LGI_JOB_ID", "LGI_JOB_PATH", "LGI_LIBRARY"}

    Scripts().status(write("cat /proc/$$/environ | tr '\\000' '\\n' > seen"), here)

    seen = {line.partition("=")[0] for line in (here.directory / "seen").read_text().splitlines()}
    # A shell sets these itself for what it starts.
    assert seen - {"PWD", "OLDPWD", "SHLVL", "_"} <= usual
    assert not seen & ({"USER", "LOGNAME", "SHELL"} if IS_ROOT else set())
    assert os.environ["AWS_SECRET"] == "x"
