"""LGI_run --here: a job runs in the directory of its submit, if the resource sees the same one."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lgi_daemon.jobs import shared_directories
from lgi_protocol.shared_directory import PREFIX, SharedDirectory
from tests.acceptance.conftest import signed_up
from tests.acceptance.test_commands import home, run
from tests.support.bench import Bench
from tests.support.grid import BIN, Grid, wait_for
from tests.support.uids import UID

from .test_ordinary_user import BOSS, OrdinaryDaemon, daemon, output
from .test_whole_jobs import CommandDaemon

pytestmark = pytest.mark.slow
__all__ = ["daemon", "home"]
TOKEN = "0123456789abcdef" * 2
SETTINGS = "backend=process\nstage=no\n"


@dataclass
class HereBench(Bench):
    """A job that is to run in a directory, under a daemon that allows it in ``allowed``."""

    allowed: tuple[str, ...] = ()
    own_uid: bool = False

    def environment(self) -> dict[str, str]:
        record = replace(self.record, shared_directories=self.allowed, own_uid=self.own_uid)
        return super().environment() | shared_directories.variables(record)

    def refusal(self) -> str:
        """Why the job is refused; empty when it is not."""
        return self.mark("refused") if self.ask("job_check_limits") else ""


@pytest.fixture
def shared(place: Path) -> Path:
    """A directory of a user, with a name that a shell would read, and the file of a token in it."""
    path = place / "home" / "it's $(touch hacked); `touch hacked`"
    path.mkdir(parents=True)
    token_in(path)
    if os.geteuid() == 0:
        os.chown(path, UID, UID)
    return path


def token_in(directory: Path) -> Path:
    """Put the file of the token into a directory."""
    path = directory / (PREFIX + TOKEN)
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o644)
    return path


def job_at(place: Path, directory: Path, script: str = "echo hi > made; pwd -P; echo oops >&2") -> HereBench:
    """A job that is to run in a directory; allowed is all below the home."""
    return HereBench(
        place,
        SETTINGS,
        input=script.encode(),
        specifics=SharedDirectory(str(directory), TOKEN).as_xml(),
        uid=UID if os.geteuid() == 0 else None,
        allowed=(str(place / "home"),),
    )


def test_a_job_runs_where_it_was_submitted_and_leaves_its_streams_there(place: Path, shared: Path) -> None:
    """No part of the name is read by a shell; the job's own directory gets nothing."""
    job = job_at(place, shared)

    refusal, text = job.refusal(), job.finish()

    assert refusal == ""
    assert text == f"{shared}\n[LGI: standard error]\noops\n[LGI: exit code 0]\n"
    names = {path.name for path in shared.iterdir()}
    assert names == {"made", "joblog-7.txt", "joberr-7.txt", PREFIX + TOKEN}
    assert (shared / "joblog-7.txt").read_text() == f"{shared}\n"
    assert (shared / "made").stat().st_uid == (UID if os.geteuid() == 0 else os.geteuid())
    assert [
        path.name for path in job.directory.iterdir() if path.suffix == ".txt" or path.name == "made"
    ] == []


def removed(directory: Path) -> None:
    shutil.rmtree(directory)


def without_token(directory: Path) -> None:
    (directory / (PREFIX + TOKEN)).unlink()


def with_another_token(directory: Path) -> None:
    (directory / (PREFIX + TOKEN)).write_text("f" * 32 + "\n")


def with_a_token_by_link(directory: Path) -> None:
    path = directory / (PREFIX + TOKEN)
    path.rename(directory / "elsewhere")
    path.symlink_to("elsewhere")


def as_a_link(directory: Path) -> None:
    directory.rename(directory.parent / "other")
    directory.symlink_to("other")


def below_a_link(directory: Path) -> None:
    top = directory.parent
    top.rename(top.parent / "other")
    top.symlink_to("other")


def as_a_file(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.write_text("")


def read_only(directory: Path) -> None:
    directory.chmod(0o555)


def shut(directory: Path) -> None:
    directory.chmod(0o000)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (removed, "is not a directory here that the job can enter, or it is a link"),
        (as_a_file, "is not a directory here"),
        (as_a_link, "or it is a link"),
        (below_a_link, "or it is a link"),
        (shut, "is not a directory here that the job can enter"),
        (without_token, "here is not the directory in which the job was submitted"),
        (with_another_token, "here is not the directory"),
        (with_a_token_by_link, "here is not the directory"),
        (read_only, "the job cannot write to"),
    ],
)
def test_a_resource_that_sees_another_directory_refuses_the_job(
    place: Path, shared: Path, change: Callable[[Path], None], reason: str
) -> None:
    """It says why, and a job that was taken before ends without being run."""
    job = job_at(place, shared, "touch hacked")
    change(shared)

    refusal, text = job.refusal(), job.finish()
    if shared.is_dir():
        shared.chmod(0o755)

    assert reason in refusal
    assert text.startswith("[LGI: exit code 125: not started: ")
    assert list(place.rglob("hacked")) == []


@pytest.mark.parametrize(
    ("path", "own_uid", "reason"),
    [
        ("/etc", False, "jobs may not run in /etc here"),
        ("{place}/home2", False, "jobs may not run in"),
        ("{place}", False, "jobs may not run in"),
        ("{place}/home", True, "jobs have uids of their own here"),
    ],
)
def test_a_directory_that_is_not_allowed_is_refused_by_its_name(
    place: Path, path: str, own_uid: bool, reason: str
) -> None:
    """One with the same beginning too; a job with a uid of its own stays in its own directory."""
    directory = Path(path.format(place=place))
    directory.mkdir(exist_ok=True, parents=True)
    job = replace(job_at(place, directory), own_uid=own_uid)

    assert reason in job.refusal()


@pytest.mark.parametrize(
    "specifics",
    [
        "<here> <directory> {home}/../../etc </directory> <token> {token} </token> </here>",
        "<here> <directory> home </directory> <token> {token} </token> </here>",
        "<here> <directory> {home} </directory> <token> ../../{token} </token> </here>",
        "<here> <directory> {home} </directory> </here>",
        "<here> </here>",
    ],
)
def test_a_request_that_is_none_is_refused(place: Path, specifics: str) -> None:
    """Before any directory is looked at; the job never runs elsewhere instead."""
    (place / "home").mkdir()
    job = replace(job_at(place, place / "home"), specifics=specifics.format(home=place / "home", token=TOKEN))

    assert "it cannot run where it was submitted" in job.refusal()


def test_a_daemon_that_is_too_old_to_know_such_jobs_takes_none(place: Path, shared: Path) -> None:
    """The library of its scripts may be newer; the job would run in another directory."""
    job = job_at(place, shared)
    job.environment = lambda: Bench.environment(job)  # type: ignore[method-assign]

    assert "does not know of jobs in directories of their users" in job.refusal()


def test_a_container_does_not_take_such_a_job(place: Path, shared: Path) -> None:
    """It would not see the directory."""
    job = replace(job_at(place, shared), settings=f"{SETTINGS}container=podman\ndefault_image=a:1\n")

    assert job.refusal() == "jobs cannot run in directories of their users here"


def test_streams_are_written_through_no_link(place: Path, shared: Path) -> None:
    """Somebody who may write to the directory could have a file of the job's user replaced."""
    victim = place / "victim"
    victim.write_text("mine")
    victim.chmod(0o666)
    for name in ("joblog-7.txt", "joberr-7.txt"):
        (shared / name).symlink_to(victim)

    job_at(place, shared).finish()

    assert victim.read_text() == "mine"
    assert (shared / "joblog-7.txt").read_text() == f"{shared}\n"
    assert not (shared / "joberr-7.txt").is_symlink()


def test_streams_are_written_to_no_pipe(place: Path, shared: Path) -> None:
    """Somebody who may write to the directory could make one at any moment, and the job would never end."""
    again = 'rm() { command rm "$@"; case "$*" in *./job*.txt) mkfifo "$2" ;; esac; }\n'
    job = replace(job_at(place, shared), settings=f"{SETTINGS}{again}")
    os.mkfifo(shared / "joblog-7.txt")

    job.finish()

    assert (shared / "joblog-7.txt").read_text() == f"{shared}\n"


class SharingDaemon(CommandDaemon):
    """A daemon whose jobs run as one user, and in the directories that it allows."""

    allowed = ""

    def tags(self) -> str:
        uid = f"<job_sandbox_uid> {UID} </job_sandbox_uid> " if os.geteuid() == 0 else ""
        return f"{uid}<shared_directories> {self.allowed} </shared_directories> " if self.allowed else uid


@pytest.fixture
def sharing(grid: Grid) -> Iterator[SharingDaemon]:
    """Running, and not sharing any directory yet."""
    with signed_up(SharingDaemon(grid, "process")) as made:
        yield made


def test_a_job_waits_for_a_resource_that_shares_its_directory(
    grid: Grid,
    sharing: SharingDaemon,
    home: Path,
    place: Path,
) -> None:
    """One that does not gives it back, with the reason in its history."""
    work = place / "work"
    work.mkdir()
    (work / "count.sh").write_text("#!/bin/sh\nwc -l < data > lines; cat lines\n")
    (work / "data").write_text("1\n2\n")
    for path, mode in ((work / "count.sh", 0o755), (work, 0o777)):
        path.chmod(mode)

    submit = run(home, "env", f"--chdir={work}", str(BIN / "LGI_run"), "--here", "./count.sh")
    job = submit.stdout.strip()
    wait_for(lambda: _reasons(grid) != [])
    assert grid.user().state(int(job)) == "queued"
    reasons, shown = _reasons(grid), run(home, "LGI_history", job).stdout
    sharing.stop()
    sharing.allowed = str(place)
    sharing.configure()
    sharing.start()
    wait_for(lambda: grid.user().state(int(job)) == "finished")

    assert submit.returncode == 0, submit.stderr
    assert reasons[0].endswith(f"jobs may not run in {work} here".replace("'", "?"))
    assert f"jobs may not run in {work} here".replace("'", "?") in " ".join(shown.split())
    assert output(grid.user(), int(job)) == "2\n[LGI: exit code 0]\n"
    assert (work / "lines").read_text() == "2\n"
    assert (work / f"joblog-{job}.txt").read_text() == "2\n"


def _reasons(grid: Grid) -> list[str]:
    rows = grid.rows("SELECT reason FROM job_history WHERE reason LIKE %s", "%may not run%")
    return [str(row["reason"]) for row in rows]


def test_a_job_of_an_ordinary_user_runs_where_it_was_submitted(grid: Grid, daemon: OrdinaryDaemon) -> None:
    """The usual case: daemon and jobs have the account of the user, on each machine."""
    text = daemon.configuration.read_text()
    shared = daemon.place / "shared"
    shared.mkdir()
    token_in(shared)
    if os.geteuid() == 0:
        os.chown(shared, daemon.configuration.stat().st_uid, -1)
    tag = f"<shared_directories> {daemon.place} </shared_directories>"
    daemon.configuration.write_text(text.replace("<max_output_size>", f"{tag} <max_output_size>"))
    os.kill(daemon.pid, 1)
    wait_for(lambda: f"reloaded {daemon.configuration}" in daemon.log.read_text())
    boss = grid.user(BOSS, ("admin",))

    job_id = boss.submit(
        application="update",
        input=b"echo done > made; pwd -P".hex(),
        job_specifics=SharedDirectory(str(shared), TOKEN).as_xml(),
    )
    wait_for(lambda: boss.state(job_id) == "finished")

    assert output(boss, job_id) == f"{shared}\n[LGI: exit code 0]\n"
    assert (shared / "made").read_text() == "done\n"
