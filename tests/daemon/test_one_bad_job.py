"""A job that does its worst costs the other jobs little, and the daemon nothing."""

import logging
import os
import time
from pathlib import Path

import pytest

from lgi_daemon.execution.scripts import NoAnswerError, ScriptContext, Scripts, ScriptTimeouts
from lgi_daemon.files.rmtree import remove_tree
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.loop.daemon import Daemon
from lgi_daemon.rundir.job_files import JobFiles
from tests.support.workshop import FAST, Workshop, only, until

from .conftest import IS_ROOT

DEEP = 1500


def nest(folder: Path, levels: int = DEEP) -> None:
    """Directories in directories, with a file in the last, deeper than any path can say."""
    here = os.open(folder, os.O_RDONLY)
    for _level in range(levels):
        os.mkdir("deeper", dir_fd=here)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("file", os.O_CREAT, dir_fd=here))
    os.close(here)


def two_jobs(workshop: Workshop) -> tuple[Daemon, LocalJob, LocalJob]:
    """A daemon whose jobs 1 and 2 have started."""
    for job_id in ("1", "2"):
        workshop.server.submit(job_id)
    daemon = workshop.daemon()
    workshop.tick(daemon)
    first, second = sorted(daemon.jobs, key=lambda job: job.record.job_id)
    return daemon, first, second


def folder_of(job: LocalJob) -> Path:
    """A job's directory."""
    return job.run.files(job.record).path


def test_a_directory_of_any_depth_is_removed(workshop: Workshop) -> None:
    """It exceeds Python's recursion, the descriptors and the length of a path; links are not followed."""
    precious = workshop.place / "precious"
    precious.mkdir()
    (precious / "file").touch()
    tree = workshop.place / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "link").symlink_to(precious)
    nest(tree / "a")

    remove_tree(tree, is_ours=True)

    assert not tree.exists()
    assert (precious / "file").exists()


def test_a_job_that_nests_too_deep_is_removed_and_the_others_go_on(workshop: Workshop) -> None:
    """It would end every tick before the next job had its turn."""
    daemon, bad, good = two_jobs(workshop)
    nest(folder_of(bad))
    for job in (bad, good):
        workshop.marked(job, "is_finished")

    workshop.tick(daemon, 1.0)

    assert [job.state for job in workshop.server.jobs.values()] == ["finished", "finished"]
    assert workshop.tree() == []
    assert not (workshop.run_path / ".broken").exists()


def test_a_daemon_starts_with_the_deep_leavings_of_a_job(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It completes an interrupted removal; a job that cannot be removed is moved to .broken."""
    daemon, bad, good = two_jobs(workshop)
    workshop.marked(bad, "is_finished")
    nest(folder_of(bad))
    with monkeypatch.context() as dying:
        dying.setattr(JobFiles, "remove", lambda _files: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            workshop.tick(daemon, 1.0)
    monkeypatch.setattr(JobFiles, "remove", lambda _files: (_ for _ in ()).throw(RecursionError("deep")))

    daemon = workshop.restart(daemon)

    assert only(daemon).record.job_id == good.record.job_id
    set_aside = workshop.run_path / ".broken" / f"JOB_{bad.record.reference}"
    assert set_aside.is_dir()
    remove_tree(set_aside, is_ours=True)


def test_a_record_that_resists_does_not_keep_the_daemon_from_starting(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """It is left as it is, the log says so, and the other job is taken up."""
    logging.getLogger("lgi_daemon").propagate = True
    daemon, bad, good = two_jobs(workshop)
    script = bad.run.script(bad.record, "job_run_script")
    script.unlink()
    script.mkdir()

    daemon = workshop.restart(daemon)

    assert only(daemon).record.job_id == good.record.job_id
    assert "left as it is until the next start" in caplog.text


def test_an_error_in_one_job_does_not_stop_the_next(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The mistake is logged with its traceback, once per fast cycle and not every second."""
    logging.getLogger("lgi_daemon").propagate = True
    daemon, bad, good = two_jobs(workshop)
    workshop.marked(bad, "is_running")
    workshop.marked(good, "is_finished")
    monkeypatch.setattr(bad, "script_succeeds", lambda _script, _seconds: {}["surprise"])

    for _second in range(5):
        workshop.tick(daemon, 1.0)

    assert workshop.server.jobs["2"].state == "finished"
    assert caplog.text.count("KeyError: 'surprise'") == 1


def test_files_that_a_job_makes_huge_are_not_read(workshop: Workshop) -> None:
    """Sparse files of gigabytes cost little: at most the expected size is read."""
    daemon, bad, _good = two_jobs(workshop)
    workshop.marked(bad, "is_running")
    for path in folder_of(bad).glob("LGI_*"):
        if path.name.startswith("LGI_output"):
            continue
        path.unlink()
        with path.open("wb") as opened:
            opened.truncate(1024**3)
    began = time.process_time()

    restored = bad.run.restore(bad.record)

    assert len(restored) >= 27
    assert time.process_time() - began < 2.0
    daemon.run.lock.release()


def test_a_huge_file_of_an_older_daemons_job_is_not_digested(workshop: Workshop) -> None:
    """The digest is slow, and a job must not determine how long the start takes."""
    daemon, bad, _good = two_jobs(workshop)
    workshop.marked(bad, "is_running")
    (bad.run.records / bad.record.reference / "record.json").unlink()
    huge = folder_of(bad) / "LGI_state"
    huge.unlink()
    with huge.open("wb") as opened:
        opened.truncate(15 * 1024 * 1024)
    began = time.process_time()

    daemon = workshop.restart(daemon)

    assert time.process_time() - began < 1.0
    assert len(daemon.jobs) == 1


class Clock:
    """Scripts that never answer, and what waiting for them costs."""

    def __init__(self, job: LocalJob) -> None:
        self.job = job
        self.real = job.scripts.status
        self.waits: list[float] = []

    def status(self, script: Path, context: ScriptContext, seconds: float) -> int:
        """As `Scripts.status`, but one job's scripts hang."""
        if context.hints.get("LGI_JOB_ID") != self.job.record.job_id:
            return self.real(script, context, seconds)
        self.waits.append(seconds)
        raise NoAnswerError(f"{script.name} took more than {seconds:g} s and was killed", seconds)


def test_a_job_whose_scripts_hang_takes_a_small_share_of_the_time(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its next check is postponed more and more, its scripts get less time, and this is logged."""
    logging.getLogger("lgi_daemon").propagate = True
    daemon, bad, good = two_jobs(workshop)
    workshop.marked(bad, "is_running")
    workshop.marked(good, "is_running")
    clock = Clock(bad)
    monkeypatch.setattr(Scripts, "status", lambda _scripts, *asked: clock.status(*asked))

    for _time in range(7200 // 10):
        workshop.tick(daemon, 10.0)

    assert clock.waits[:3] == [60.0, 30.0, 15.0]
    assert sum(clock.waits) < 0.03 * 7200
    assert "job_check_running_script took more than 60 s and was killed; left alone for 540 s" in (
        caplog.text
    )


def test_the_end_of_a_silent_job_is_worth_a_look_at_once(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who deletes it does not wait out the pause, and a job that answers again is as any other."""
    daemon, bad, _good = two_jobs(workshop)
    workshop.marked(bad, "is_running")
    with monkeypatch.context() as hanging:
        clock = Clock(bad)
        hanging.setattr(Scripts, "status", lambda _scripts, *asked: clock.status(*asked))
        workshop.tick(daemon, 2.0)
    workshop.server.change("1", state="aborting")

    workshop.tick(daemon, FAST)

    assert clock.waits == [60.0]
    assert workshop.server.jobs["1"].state == "aborted"


def test_an_output_with_a_second_name_is_not_sent(workshop: Workshop) -> None:
    """A hard link shows a file of others as well as a soft one does."""
    daemon, bad, _good = two_jobs(workshop)
    workshop.marked(bad, "is_finished")
    secret = workshop.place / "secret"
    secret.write_text("private key")
    output = folder_of(bad) / "LGI_output"
    output.unlink()
    output.hardlink_to(secret)

    workshop.tick(daemon, 1.0)

    assert workshop.server.jobs["1"].state == "finished"
    assert workshop.server.jobs["1"].output == b""


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_an_output_of_another_user_is_not_sent(workshop: Workshop) -> None:
    """Under root the output is the job's own file: a file moved in from elsewhere is not."""
    daemon, bad, _good = two_jobs(workshop)
    workshop.marked(bad, "is_finished")
    output = folder_of(bad) / "LGI_output"
    output.write_text("of root")
    os.chown(output, 0, 0)

    workshop.tick(daemon, 1.0)

    assert workshop.server.jobs["1"].state == "finished"
    assert workshop.server.jobs["1"].output == b""


@pytest.mark.slow
@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_a_job_that_stops_its_own_scripts_can_still_be_aborted(workshop: Workshop) -> None:
    """All processes of its uid are killed, and the next check succeeds."""
    workshop.timeouts = ScriptTimeouts(check=1.0, shortest_check=1.0)
    stop = "kill -STOP -1 2> /dev/null"
    workshop.write_script("job_run_script", f"{stop}; : > is_running; while :; do {stop}; done")
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    until(lambda: (folder_of(job) / "is_running").exists())
    workshop.server.change("1", state="aborting")

    def is_aborted() -> bool:
        workshop.tick(daemon, 2 * FAST)
        return workshop.server.jobs["1"].state == "aborted"

    # On a busy machine the abort script may get through between two signals, or a check be late once more.
    until(is_aborted)

    assert workshop.tree() == []
