"""Jobs, servers and searches side by side: what hangs holds up nothing else."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from lgi_daemon.config.rules import LimitRules
from lgi_daemon.execution.scripts import ScriptContext, Scripts, ScriptTimeouts
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.worker_pool import KeyedWorkerPool
from lgi_daemon.loop.daemon import Daemon
from tests.support.fake_server import FakeServer
from tests.support.workshop import Workshop, until

OTHER = "https://other.test/LGI"
HANGS = "[ ! -e hangs ] || sleep 300"


@pytest.fixture
def busy(workshop: Workshop) -> Workshop:
    """A resource whose daemons have four workers, and do not wait long for scripts at their end."""
    workshop.timeouts = ScriptTimeouts(stop=0.5)
    workshop.at_once = 4
    return workshop


def tick_until(daemon: Daemon, condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Tick in real time until something is so."""

    def so() -> bool:
        daemon.tick(1000.0 + time.monotonic())
        return condition()

    until(so, seconds)


def job_of(daemon: Daemon, job_id: str) -> LocalJob:
    """A job by its number at the server."""
    return next(job for job in daemon.jobs if job.record.job_id == job_id)


def folder(daemon: Daemon, job_id: str) -> Path:
    """Where a job lives."""
    job = job_of(daemon, job_id)
    return job.run.files(job.record).path


def running(workshop: Workshop, *job_ids: str) -> Daemon:
    """A daemon with these jobs started and idle workers."""
    for job_id in job_ids:
        workshop.server.submit(job_id)
    daemon = workshop.daemon()
    tick_until(daemon, lambda: workshop.acts().count("run") >= len(job_ids))
    tick_until(daemon, lambda: not daemon.busy)
    return daemon


def test_a_script_that_hangs_holds_up_its_own_job_only(busy: Workshop) -> None:
    """Hole D8: the other job ends while a check script of the first one waits."""
    busy.write_script("job_check_running_script", f"{HANGS}; [ -e is_running ]")
    daemon = running(busy, "1", "2")
    busy.marked(job_of(daemon, "1"), "is_running")
    (folder(daemon, "1") / "hangs").touch()
    busy.marked(job_of(daemon, "2"), "is_finished")
    daemon.jobs.recheck_all()

    tick_until(daemon, lambda: busy.server.jobs["2"].state == "finished")

    assert busy.server.jobs["1"].state == "running"
    assert daemon.busy
    stop(daemon)


@pytest.mark.slow
def test_scripts_may_hang_in_all_workers_but_one(busy: Workshop) -> None:
    """Three of four workers wait for stage-out; the fourth checks all other jobs."""
    busy.write_script("job_epilogue_script", HANGS)
    daemon = running(busy, *"12345")
    for job_id in "123":
        (folder(daemon, job_id) / "hangs").touch()
    for job_id in "12345":
        busy.marked(job_of(daemon, job_id), "is_finished")
    daemon.jobs.recheck_all()

    tick_until(daemon, lambda: busy.server.jobs["4"].state == busy.server.jobs["5"].state == "finished")

    assert {busy.server.jobs[job_id].state for job_id in "123"} == {"running"}
    stop(daemon)


def test_a_hanging_system_limits_script_holds_up_no_job(busy: Workshop) -> None:
    """Hole D8: work is not asked for, and jobs end all the same."""
    daemon = running(busy, "1")
    busy.write_script("check_system_limits_script", "sleep 60")
    daemon.work_cycle.due_at = 0.0
    tick_until(daemon, lambda: busy.acts().count("check_system_limits") == 2)
    busy.marked(job_of(daemon, "1"), "is_finished")
    daemon.jobs.recheck_all()

    tick_until(daemon, lambda: busy.server.jobs["1"].state == "finished")

    stop(daemon)


class SlowServer(FakeServer):
    """A server whose answers wait until it is released."""

    def __init__(self, url: str) -> None:
        """It answers at once until it is `slow`."""
        super().__init__(url)
        self.released = threading.Event()
        self.released.set()

    def handle(self, call: str, answer: Callable[[], object]) -> object:
        """Wait before any effect."""
        self.released.wait(120)
        return super().handle(call, answer)


@pytest.mark.slow
def test_a_slow_server_holds_up_neither_jobs_nor_other_servers(busy: Workshop) -> None:
    """Hole D8: jobs of the others are taken, run and reported, and its own are started and looked at."""
    slow = busy.servers[OTHER] = SlowServer(OTHER)
    busy.server.slaves = (OTHER,)
    slow.submit("7")
    daemon = running(busy, "1")
    tick_until(daemon, lambda: busy.acts().count("run") == 2 and not daemon.busy)
    slow.released.clear()
    daemon.work_cycle.due_at = 0.0
    busy.server.submit("2")
    busy.marked(job_of(daemon, "7"), "is_finished")
    daemon.jobs.recheck_all()

    # Its run script has begun: the marks of the test come after its own.
    tick_until(daemon, lambda: busy.acts().count("run") == 3 and "epilogue" in busy.acts())
    busy.marked(job_of(daemon, "2"), "is_finished")
    daemon.jobs.recheck_all()
    tick_until(daemon, lambda: busy.server.jobs["2"].state == "finished")

    assert slow.jobs["7"].state == "running"
    slow.released.set()
    tick_until(daemon, lambda: slow.jobs["7"].state == "finished")
    stop(daemon)


def test_limits_hold_while_several_servers_give_work_at_the_same_time(busy: Workshop) -> None:
    """What one search is about to take the other sees: three jobs at most, never four, though both wait."""
    busy.rules = LimitRules({"any": 3}, (), 3)
    slaves = [f"https://slave{number}.test/LGI" for number in range(6)]
    for number, url in enumerate(slaves):
        busy.servers[url] = FakeServer(url)
        busy.servers[url].submit(str(10 + number))
    busy.server.slaves = tuple(slaves)
    busy.write_script("job_check_limits_script", "sleep 0.3")
    daemon = busy.daemon()

    # The search that meets the limit may be one of a later cycle.
    tick_until(daemon, lambda: len(daemon.jobs) == 3 and daemon.fetcher.skipped_any and not daemon.busy)

    states = Counter(one.state for server in busy.servers.values() for one in server.jobs.values())
    assert states == {"running": 3, "queued": 3}
    stop(daemon)


@pytest.mark.slow
def test_no_job_is_ever_handled_by_two_workers(busy: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks and syncs are due at every tick, and the scripts of a job never overlap."""
    inside: Counter[str] = Counter()
    most: Counter[str] = Counter()
    real = Scripts.status

    def counted(scripts: Scripts, script: Path, context: ScriptContext, seconds: float | None = None) -> int:
        job_id = context.hints.get("LGI_JOB_ID", "none")
        inside[job_id] += 1
        most[job_id] = max(most[job_id], inside[job_id])
        try:
            return real(scripts, script, context, seconds)
        finally:
            inside[job_id] -= 1

    monkeypatch.setattr(Scripts, "status", counted)
    daemon = running(busy, *"123")
    for job_id in "123":
        busy.marked(job_of(daemon, job_id), "is_running")
    busy.server.calls.clear()

    begin = time.monotonic()
    while time.monotonic() < begin + 2.0 or len(busy.server.made("job_state")) <= 10:
        assert time.monotonic() < begin + 100.0
        daemon.jobs.recheck_all()
        daemon.tick(1000.0 + time.monotonic())

    assert {most[job_id] for job_id in "123"} == {1}
    assert busy.acts().count("run") == 3
    stop(daemon)


def test_a_pool_runs_at_most_so_many_tasks_at_once_and_none_twice() -> None:
    """A pool of two never does three things, and a name under way is refused."""
    pool, guard, gate = KeyedWorkerPool(2), threading.Lock(), threading.Event()
    inside, most = 0, 0

    def task() -> None:
        nonlocal inside, most
        with guard:
            inside += 1
            most = max(most, inside)
        gate.wait(60)
        with guard:
            inside -= 1

    given = [pool.submit(name, task) for name in (1, 2, 3, 4, 1)]
    until(lambda: inside == 2)
    # A third one would begin now.
    time.sleep(0.1)
    gate.set()
    until(lambda: not pool.busy)

    assert given == [True, True, True, True, False]
    assert most == 2
    assert pool.submit(1, task)
    pool.close()


def test_a_mistake_in_a_worker_is_logged_and_costs_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback; the worker takes the next task."""
    logging.getLogger("lgi_daemon").propagate = True
    pool, done = KeyedWorkerPool(1), threading.Event()

    pool.submit("bad", lambda: {}["surprise"])
    pool.submit("good", done.set)

    assert done.wait(60)
    until(lambda: "KeyError: 'surprise'" in caplog.text)
    pool.close()


def test_the_end_of_the_daemon_waits_for_calls_but_not_for_scripts_that_hang(busy: Workshop) -> None:
    """A hanging check is killed after some seconds, every session is signed off, the job is left as it is."""
    busy.write_script("job_check_running_script", f"{HANGS}; [ -e is_running ]")
    daemon = running(busy, "1")
    busy.marked(job_of(daemon, "1"), "is_running")
    (folder(daemon, "1") / "hangs").touch()
    daemon.jobs.recheck_all()
    tick_until(daemon, lambda: daemon.busy)
    began = time.monotonic()

    stop(daemon)

    assert time.monotonic() - began < 40.0
    assert (busy.server.sessions, busy.server.locks) == (set(), {})
    assert len(busy.tree()) == 1


def stop(daemon: Daemon) -> None:
    """End a daemon as SIGTERM does."""
    daemon.set_callbacks(lambda: True)
    daemon.close()
    daemon.run.lock.release()
