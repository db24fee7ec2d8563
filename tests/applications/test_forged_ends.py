"""Jobs of `command` that spoil the record of their own end, or the place of their output."""

import os
import shlex
from pathlib import Path

import pytest

from tests.support.bench import Bench, until
from tests.support.grid import Grid, wait_for
from tests.support.uids import UID

from .test_ordinary_user import BOSS, OrdinaryDaemon, daemon
from .test_whole_jobs import output

__all__ = ["daemon"]
SETTINGS = "backend=process\nstage=no\n"
UNREADABLE = "the record of the job's end cannot be read"
FULL = "No space left on device"
SPOILED = {
    "three codes": r"printf 'exit_code=0\nexit_code=3\nexit_code=0x\n' > $own/end",
    "random bytes": "head -c 3000 /dev/urandom | tr = - > $own/end",
    "empty": ": > $own/end",
    "directory": "mkdir $own/end",
    "closed directory": "cd $own; mkdir -p end/in; touch end/in/x; chmod 0 end/in end",
    "link": "ln -s /etc/passwd $own/end",
    "link to a directory": "ln -s /tmp $own/end",
    "link to nothing": "ln -s /nowhere $own/end",
    "pipe": "mkfifo $own/end",
    "code and signal": r"printf 'exit_code=3\nexit_signal=9\n' > $own/end",
    "beyond the numbers": r"printf 'exit_code=256\nexit_signal=65\n' > $own/end",
    "no reason": r"printf 'reason=\n' > $own/end",
    "huge": "truncate -s 300M $own/end",
}
# What a job can do to the place of its output.
OUTPUTS = [
    "rm -f LGI_output; mkdir LGI_output; touch LGI_output/x; chmod 0 LGI_output; exit 3",
    "rm -f LGI_output; mkdir -p LGI_output/in/x; chmod 0 LGI_output/in LGI_output; exit 3",
    "chmod 0 LGI_output; exit 3",
    "rm -f LGI_output; mkfifo LGI_output; exit 3",
    "mkdir $own/end.new.d; rm $own/end.new; mv $own/end.new.d $own/end.new; mkdir $own/probe; exit 3",
]


def quoted(script: str) -> str:
    """The script for a state directory with blanks in its name."""
    return script.replace("$own", '"$own"')


def spoil(job: Bench, script: str) -> Bench:
    """The job with a script that knows the state directory; what it has done stays as it is."""
    text = f"own={shlex.quote(str(job.own))}\n{quoted(script)}"
    return type(job)(job.place, job.settings, input=text.encode(), uid=job.uid)


def used() -> float:
    """The seconds of processor that the scripts have used so far, which do not depend on other programs."""
    times = os.times()
    return times.children_user + times.children_system


def spoiled(place: Path, script: str) -> Bench:
    """A job that has ended, its record as the script leaves it: the frame of the job does not mend it."""
    job = spoil(Bench(place, SETTINGS), f"{script}; kill -9 $PPID; exit 0")
    job.begin().wait(60)
    return job


@pytest.mark.parametrize("name", SPOILED)
def test_a_job_whose_record_of_its_end_cannot_be_read_was_not_aborted(place: Path, name: str) -> None:
    """Trailer and reason say that it cannot be read; no part of it is used."""
    job = spoiled(place, SPOILED[name])
    before = used()

    assert job.state() == "finished"
    assert job.ask("job_epilogue") == 0

    assert job.output() == f"[LGI: no exit code: {UNREADABLE}]\n"
    assert job.mark("end") == f"reason={UNREADABLE}"
    assert used() - before < 10


def test_only_a_job_that_was_aborted_is_called_aborted(place: Path) -> None:
    """Also when its record was spoiled, and when the abort is asked for twice."""
    job = spoiled(place, SPOILED["random bytes"])

    for _ in range(2):
        assert job.ask("job_abort") == 0
        assert job.output() == "[LGI: no exit code: aborted]\n"


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (r"exit_code=3\nexit_signal=0\n", 3),
        (r"exit_code=3\nexit_signal=65\n", 3),
        (r"exit_code=010\n", 10),
        (r"exit_code=3\r\n", 3),
        (r"exit_code=300\nexit_signal=9\n", 137),
    ],
)
def test_trailer_and_record_come_from_the_same_reading(place: Path, record: str, code: int) -> None:
    """A signal is 1 to 64, and excludes an exit code."""
    job = spoiled(place, f"printf '{record}' > $own/end")

    assert job.ask("job_epilogue") == 0

    assert job.output() == f"[LGI: exit code {code}]\n"
    assert job.mark("end") == (f"exit_signal={code - 128}" if code > 128 else f"exit_code={code}")


@pytest.mark.parametrize(
    "name", ["end", "exit", "process", "missed", "memory", "not_stored", "stage_failures"]
)
def test_no_mark_of_a_job_is_read_beyond_its_first_bytes(place: Path, name: str) -> None:
    """A file of 300 MB costs nothing."""
    job = spoiled(place, f"truncate -s 300M $own/{name}")
    before = used()

    until(lambda: job.state() == "finished")
    assert job.ask("job_epilogue") == 0

    assert used() - before < 10
    assert job.output().startswith("[LGI: ")
    assert FULL not in job.output()


@pytest.mark.parametrize("script", OUTPUTS)
def test_an_obstacle_in_the_place_of_the_output_is_removed(place: Path, script: str) -> None:
    """The first epilogue succeeds, and nothing is said of a full disk."""
    job = spoil(Bench(place, SETTINGS), script)
    job.begin().wait(60)

    assert job.state() == "finished"
    assert job.ask("job_epilogue") == 0

    assert job.output() == "[LGI: exit code 3]\n"
    assert job.mark("end") == "exit_code=3"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make what the job cannot remove")
def test_an_output_that_cannot_be_written_does_not_mean_a_full_disk(place: Path) -> None:
    """The epilogue fails with the files of the job in place, and the reason stays true."""
    job = Bench(place, SETTINGS, input=b"echo mine > kept; exit 3", uid=UID + 50)
    job.begin().wait(60)
    blocked = job.directory / "LGI_output"
    blocked.unlink()
    (blocked / "in").mkdir(parents=True)

    assert job.ask("job_epilogue") != 0

    assert job.mark("end") == "exit_code=3"
    assert (job.directory / "kept").read_text() == "mine\n"


@pytest.mark.parametrize("script", OUTPUTS[:2])
def test_an_ordinary_daemon_reports_a_job_that_shuts_its_output(
    grid: Grid, daemon: OrdinaryDaemon, script: str
) -> None:
    """It reports immediately, with the exit code alone."""
    boss = grid.user(BOSS, ("admin",))

    job_id = boss.submit(application="update", input=script.encode().hex())
    wait_for(lambda: boss.state(job_id) == "finished")

    (row,) = grid.rows("SELECT exit_code, end_reason FROM job_queue WHERE job_id = %s", job_id)
    assert (row["exit_code"], row["end_reason"]) == (3, "")
    assert output(boss, job_id) == "[LGI: exit code 3]\n"
    assert "epilogue_script failed" not in daemon.log.read_text()


@pytest.mark.parametrize("name", ["three codes", "directory", "huge"])
def test_the_server_is_told_that_a_record_cannot_be_read(
    grid: Grid, daemon: OrdinaryDaemon, name: str
) -> None:
    """The exit code stays unknown, with the reason."""
    boss = grid.user(BOSS, ("admin",))
    find = f"own=$(echo {shlex.quote(str(daemon.run))}/.records/*/state)"
    script = f"{find}\n{quoted(SPOILED[name])}; kill -9 $PPID; exit 0"

    job_id = boss.submit(application="update", input=script.encode().hex())
    wait_for(lambda: boss.state(job_id) == "finished")

    (row,) = grid.rows("SELECT exit_code, end_reason FROM job_queue WHERE job_id = %s", job_id)
    assert (row["exit_code"], row["end_reason"]) == (None, UNREADABLE)
    assert output(boss, job_id) == f"[LGI: no exit code: {UNREADABLE}]\n"
