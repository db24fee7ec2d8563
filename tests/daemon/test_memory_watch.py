"""The memory of jobs: that of all their processes together, watched by the daemon."""

import os
import sys
import time
from pathlib import Path

import pytest

from lgi_daemon.execution import process_table, processes
from lgi_daemon.execution.process_table import ProcessSelector, ProcessTable
from lgi_daemon.jobs import memory_limit
from lgi_daemon.jobs.excess import FOR_SCRIPTS
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.memory_limit import LIMIT
from lgi_daemon.jobs.memory_watch import MemoryWatch
from tests.support.uids import UID
from tests.support.workshop import Workshop, only, until

from .conftest import IS_ROOT

PYTHON = os.path.realpath(sys.executable)
# As many bytes as the first word says, in MB, held for a minute.
HOLD = f'{PYTHON} -ISc "import sys, time; held = bytearray(int(sys.argv[1]) << 20); time.sleep(300)"'


def job_with(workshop: Workshop, limit: str, body: str) -> tuple[LocalJob, MemoryWatch]:
    """A running job whose run script names a limit, and a watch whose time a test makes pass."""
    workshop.write_script(
        "job_run_script", f'echo "{limit}" > "$LGI_STATE_DIRECTORY/{LIMIT}"\n: > is_running\n{body}'
    )
    workshop.server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    job = only(daemon)
    until(lambda: (job.run.files(job.record).path / "is_running").exists())
    return job, daemon.memory_watch


def look(watch: MemoryWatch) -> None:
    """One look, a second later."""
    watch.clock.now += 1.0
    watch.tick()


def size(job: LocalJob) -> int:
    """MB of all processes of a job."""
    table = ProcessTable()
    table.read()
    return process_table.memory(table.select(job.process_selector), 0) >> 20


def count(job: LocalJob) -> int:
    """How many processes a job has."""
    table = ProcessTable()
    table.read()
    return len(table.select(job.process_selector))


def note(job: LocalJob) -> str:
    """What is said of a job that had too much."""
    path = job.run.state(job.record) / FOR_SCRIPTS
    return path.read_text() if path.exists() else ""


def test_processes_that_have_too_much_together_are_ended_and_the_run_script_goes_on(
    workshop: Workshop,
) -> None:
    """Four processes of 150 MB exceed 200 MB; the run script that started them reports how that ended."""
    job, watch = job_with(workshop, "200", f"for one in 1 2 3 4; do {HOLD} 150 & done; wait; echo $? > code")
    until(lambda: size(job) > 600)

    look(watch)

    code = job.run.files(job.record).path / "code"
    until(lambda: code.exists() and code.read_text() != "")
    assert note(job) == "it used more than 200 MB\n"
    until(lambda: not job.is_alive())
    assert count(job) == 0


def test_a_job_within_its_limit_is_left_alone(workshop: Workshop) -> None:
    """Shared memory that each process maps counts once."""
    script = f"""{PYTHON} -ISc "
import os, time
held = bytearray(100 << 20)
for _child in range(4):
    if os.fork() == 0:
        break
time.sleep(300)
" & wait"""
    job, watch = job_with(workshop, "300", script)
    until(lambda: count(job) == 6)
    time.sleep(0.3)

    look(watch)
    look(watch)

    assert note(job) == ""
    assert job.is_alive()
    job.remove()


def test_reserved_addresses_are_no_memory(workshop: Workshop) -> None:
    """Java reserves its largest heap and more, and uses little of it."""
    reserve = "import mmap, time; kept = mmap.mmap(-1, 10 << 30, prot=0); time.sleep(300)"
    script = f'{PYTHON} -ISc "{reserve}" & wait'
    job, watch = job_with(workshop, "100", script)
    until(lambda: count(job) == 2)
    time.sleep(0.3)

    look(watch)

    assert note(job) == ""
    job.remove()


def test_a_run_script_that_has_too_much_itself_is_ended_as_well(workshop: Workshop) -> None:
    """It is killed when killing its children was not enough."""
    job, watch = job_with(workshop, "100", f"sleep 300 & exec {HOLD} 200")
    until(lambda: size(job) > 200)

    look(watch)
    until(lambda: count(job) == 1)
    look(watch)

    until(lambda: not job.is_alive())
    assert note(job) == "it used more than 100 MB\n"


def test_processes_that_left_the_session_count_too(workshop: Workshop) -> None:
    """They carry the reference of their job, or run under its uid."""
    job, watch = job_with(workshop, "100", f"setsid sh -c '{HOLD} 200 & wait' & wait")
    until(lambda: size(job) > 200)

    look(watch)

    until(lambda: count(job) == 0)
    assert note(job) == "it used more than 100 MB\n"


def test_the_first_limit_that_the_run_script_writes_counts(workshop: Workshop) -> None:
    """A job that writes another limit later, also before a restart of the daemon, gets no more."""
    job, watch = job_with(workshop, "100", "sleep 300")
    until(lambda: (job.run.state(job.record) / LIMIT).exists())
    look(watch)
    (job.run.state(job.record) / LIMIT).write_text("9999\n")
    look(watch)
    first = job.memory_limit
    job.run.lock.release()

    daemon = workshop.daemon()
    job = only(daemon)
    look(daemon.memory_watch)

    assert (first, job.memory_limit) == (100, 100)
    job.remove()


def test_the_limit_of_a_job_that_has_none_is_read_once(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look at a hundred such jobs would open two hundred files; one that is written later counts."""
    job, _watch = job_with(workshop, "", "sleep 300")
    until(lambda: (job.run.state(job.record) / LIMIT).exists())
    (job.run.state(job.record) / LIMIT).unlink()
    until(lambda: bool(memory_limit.limit_of(job) == 0 and job.without_limit))
    opened: list[object] = []

    with monkeypatch.context() as watched:
        watched.setattr(os, "open", lambda path, *_rest: opened.append(path))
        looks = [memory_limit.limit_of(job) for _look in range(3)]
    (job.run.state(job.record) / LIMIT).write_text("100\n")

    assert (looks, opened) == ([0, 0, 0], [])
    assert memory_limit.limit_of(job) == 100
    job.remove()


@pytest.mark.parametrize("limit", ["", "no number", "-1", "0", "9" * 10, "1 2"])
def test_a_limit_that_is_no_number_is_ignored(workshop: Workshop, limit: str) -> None:
    """A job may write anything there."""
    job, watch = job_with(workshop, limit, "sleep 300")

    look(watch)

    assert job.memory_limit == 0
    assert job.is_alive()
    job.remove()


@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_a_limit_is_read_from_a_plain_file_only(workshop: Workshop, kind: str) -> None:
    """A link could show what the daemon may read, a pipe could hold it up."""
    job, watch = job_with(workshop, "", "sleep 300")
    file = job.run.state(job.record) / LIMIT
    file.unlink()
    if kind == "link":
        (workshop.place / "secret").write_text("5")
        file.symlink_to(workshop.place / "secret")
    elif kind == "fifo":
        os.mkfifo(file)
    else:
        file.mkdir()

    look(watch)

    assert job.memory_limit == 0
    job.remove()


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_a_daemon_writes_through_no_link_under_root_either(workshop: Workshop) -> None:
    """The state directory is the job's: a link there would lead its word elsewhere."""
    job, watch = job_with(workshop, "100", f"{HOLD} 200 & wait")
    target = workshop.place / "target"
    target.write_text("before")
    (job.run.state(job.record) / FOR_SCRIPTS).symlink_to(target)
    until(lambda: size(job) > 200)

    look(watch)

    assert target.read_text() == "before"
    assert note(job) == "it used more than 100 MB\n"
    job.remove()


def test_no_process_is_looked_at_where_no_job_has_a_limit(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All processes of the machine are not read for nothing."""
    job, watch = job_with(workshop, "", "sleep 300")
    monkeypatch.setattr(ProcessTable, "read", lambda _self: pytest.fail("reads"))

    look(watch)

    monkeypatch.undo()
    job.remove()


def test_a_script_that_asks_about_a_job_is_none_of_its_processes(workshop: Workshop) -> None:
    """It carries the reference, and may run under the same uid, but is the daemon's."""
    job, _watch = job_with(workshop, "100", "sleep 300")
    session = os.getsid(0)
    job_of_us = ProcessSelector("none", processes.identify(os.getpid()), os.getuid(), True)
    table = ProcessTable()
    table.read()

    without = ProcessSelector("none", None, os.getuid(), True, excluded_sessions={session})

    assert os.getpid() not in table.select(job_of_us)
    assert all(table.processes[pid].session != session for pid in table.select(without))
    job.remove()


def test_a_stranger_with_the_number_of_a_run_script_is_not_the_jobs(workshop: Workshop) -> None:
    """Process ids are reused, so the start time is compared."""
    stranger = processes.identify(os.getppid())
    other = processes.ProcessId(stranger.pid, stranger.started - 1, stranger.boot)
    table = ProcessTable()
    table.read()

    assert table.select(ProcessSelector("none", other, UID, False)) == set()


def test_the_process_table_forgets_processes_that_have_ended(place: Path) -> None:
    """Known processes are not read again."""
    table = ProcessTable()
    table.read()
    before = table.processes[os.getpid()]

    table.read()

    assert table.processes[os.getpid()] == before
