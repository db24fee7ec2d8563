"""LGI_scheduler: when it does what, which of several does it, and what it survives."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.scheduling.periodic_tasks import PeriodicTask, Schedule
from lgi_server.tables import event_queue
from lgi_server.tables.job_queue import jobs
from tests.conftest import started_mariadb
from tests.support.grid import BIN, Grid, wait_for
from tests.support.mariadb import PrivateMariaDB
from tests.support.queues import queued_job

pytestmark = pytest.mark.slow

NOW = 1_000_000
DUTIES = 10


def queued(database: Database) -> list[tuple[int, str]]:
    """What is queued, and for when."""
    rows = database.run(
        lambda one: one.rows("SELECT event_time_stamp, event FROM event_queue ORDER BY 1, 2"), write=False
    )
    return [(row["event_time_stamp"], row["event"]) for row in rows]


def put(database: Database, event: str, when: int) -> None:
    """Queue an event."""
    database.run(lambda one: event_queue.insert(one, event, when))


def test_a_duty_is_done_when_it_is_due_and_queued_again(database: Database) -> None:
    """It does not run before its time; the next time is a multiple of its period."""
    done: list[int] = []
    schedule = Schedule(database, {"a": PeriodicTask(300, done.append)})
    schedule.begin(NOW)

    early = schedule.run_due(NOW + 100)
    late = schedule.run_due(NOW + 250)

    assert (early, late, done) == ([], ["a"], [NOW + 250])
    assert queued(database) == [(NOW + 500, "a")]


def test_an_event_that_was_queued_often_is_done_once(database: Database) -> None:
    """A change in each of ten seconds is one schedule cycle; what is queued for later stays."""
    done: list[int] = []
    schedule = Schedule(database, {"a": PeriodicTask(300, done.append)})
    for second in range(10):
        put(database, "a", NOW - second)
    put(database, "a", NOW + 50)

    assert schedule.run_due(NOW) == ["a"]
    assert done == [NOW]
    assert queued(database) == [(NOW + 50, "a"), (NOW + 200, "a")]


def test_a_duty_that_fails_is_done_at_its_next_time_and_the_others_now(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """An LGIError and any other exception alike."""
    done: list[int] = []

    def refuse(_now: int) -> None:
        raise LGIError(ErrorNumber.BACK_OFF)

    def fail(_now: int) -> None:
        raise RuntimeError("the site's function")

    duties = {
        "a": PeriodicTask(300, refuse),
        "b": PeriodicTask(300, fail),
        "c": PeriodicTask(300, done.append),
    }
    schedule = Schedule(database, duties)
    for event in duties:
        put(database, event, NOW)

    schedule.run_due(NOW)

    assert done == [NOW]
    assert [event for _, event in queued(database)] == ["a", "b", "c"]
    assert "the site's function" in caplog.text


@pytest.mark.parametrize(("late", "is_done"), [(300, True), (301, False), (86_400, False)])
def test_a_task_that_judges_by_heartbeats_is_postponed_after_an_outage(
    database: Database, caplog: pytest.LogCaptureFixture, late: int, is_done: bool
) -> None:
    """After an outage, or when the clock was set, daemons have a whole period to show that they live."""
    done: list[int] = []
    schedule = Schedule(
        database, {"a": PeriodicTask(1800, done.append, max_delay=300), "b": PeriodicTask(300, done.append)}
    )
    for event in ("a", "b"):
        put(database, event, NOW - late)

    schedule.run_due(NOW)
    schedule.begin(NOW + 1)

    usual = NOW + 1800 - NOW % 1800
    assert done == [NOW] * (2 if is_done else 1)
    assert (usual if is_done else NOW + 1800, "a") in queued(database)
    assert len(queued(database)) == 2
    assert (f"a is postponed by 1800 s: its event is {late} s late" in caplog.text) is not is_done


def test_a_clock_that_is_set_back_stops_no_duty(database: Database) -> None:
    """A task that is queued for a later time than its period allows is queued again."""
    done: list[int] = []
    schedule = Schedule(database, {"a": PeriodicTask(300, done.append)})
    schedule.begin(NOW + 86_400)

    schedule.begin(NOW)
    schedule.run_due(NOW + 300)

    assert done == [NOW + 300]


def test_an_event_nobody_knows_is_removed_and_named(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """It would be due for ever."""
    put(database, "reticulate\nsplines", NOW)

    assert Schedule(database, {}).run_due(NOW) == ["reticulate\nsplines"]
    assert queued(database) == []
    assert "removed the unknown event 'reticulate\\nsplines'" in caplog.text


def test_a_new_start_queues_only_the_duties_that_are_missing(database: Database) -> None:
    """Several schedulers start; one whose table was emptied continues."""
    schedule = Schedule(
        database, {"a": PeriodicTask(300, lambda now: None), "b": PeriodicTask(7, lambda now: None)}
    )
    put(database, "a", NOW + 5)

    schedule.begin(NOW)
    schedule.begin(NOW + 3)

    assert queued(database) == [(NOW + 5, "a"), (1_000_006, "b")]


class Scheduler:
    """LGI_scheduler as a process of its own."""

    running: ClassVar[list["Scheduler"]] = []

    def __init__(self, grid: Grid, name: str = "scheduler") -> None:
        self.log = grid.directory / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([BIN / "LGI_scheduler", grid.config_file], stdout=log, stderr=log)
        self.running.append(self)
        wait_for(lambda: "has started" in self.log.read_text(), 60)

    def said(self, what: str) -> list[str]:
        """What is found in its log."""
        return re.findall(what, self.log.read_text())

    def stop(self) -> int:
        """End it; answers its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(autouse=True)
def ended_schedulers() -> Iterator[None]:
    """Nothing runs on after a test that has failed."""
    yield
    while Scheduler.running:
        process = Scheduler.running.pop().process
        process.kill()
        process.wait(60)


@pytest.fixture
def idle_grid(private_mariadb: PrivateMariaDB) -> Iterator[Grid]:
    """A project on MariaDB whose server does not run."""
    made = Grid(private_mariadb.create_database("scheduler"))
    yield made
    made.remove()


def test_exactly_one_of_four_schedulers_does_each_event(idle_grid: Grid) -> None:
    """They query the same hundred events at the same time; each task is queued once."""
    four = [Scheduler(idle_grid, f"scheduler{number}") for number in range(4)]
    wait_for(lambda: len(queued(idle_grid.database)) == DUTIES, 60)
    names = [f"event{number:02d}" for number in range(100)]

    def work(transaction: object) -> None:
        for name in names:
            event_queue.insert(transaction, name, int(time.time()))  # type: ignore[arg-type]

    idle_grid.database.run(work)
    wait_for(lambda: len(queued(idle_grid.database)) == DUTIES, 60)
    codes = [one.stop() for one in four]
    done = [name for one in four for name in one.said("removed the unknown event '(event[0-9]+)'")]

    assert sorted(done) == names
    assert codes == [0, 0, 0, 0]
    assert len({event for _, event in queued(idle_grid.database)}) == DUTIES


def test_a_new_event_wakes_the_scheduler_within_a_second_and_an_empty_queue_costs_little(
    idle_grid: Grid,
) -> None:
    """It looks once a second, at one row, and takes next to no processor time."""
    scheduler = Scheduler(idle_grid)
    wait_for(lambda: len(queued(idle_grid.database)) == DUTIES, 60)
    reads = "SHOW GLOBAL STATUS LIKE 'Com_select'"

    def selected_in(seconds: float) -> int:
        first = int(str(idle_grid.rows(reads)[0]["Value"]))
        time.sleep(seconds)
        return int(str(idle_grid.rows(reads)[0]["Value"])) - first

    used: list[float] = []

    def is_idle() -> bool:
        before = _seconds_used(scheduler.process.pid)
        selects = selected_in(3.0)
        used.append(_seconds_used(scheduler.process.pid) - before)
        return 2 <= selects <= 6

    # What it does at its start is over when a second is like the next ones; other servers of the tests have
    # databases there, and look at them too.
    wait_for(lambda: selected_in(1.0) <= 2, 60)
    wait_for(is_idle, 60)

    delays: list[float] = []
    while len(delays) < 3 or (min(delays) >= 1.5 and len(delays) < 20):
        name = f"event{len(delays):02d}"
        put(idle_grid.database, name, int(time.time()))
        begin = time.monotonic()
        wait_for(lambda name=name: scheduler.said(name) != [], 60)
        delays.append(time.monotonic() - begin)
    scheduler.stop()

    assert used[-1] < 0.5
    assert min(delays) < 1.5


def _seconds_used(pid: int) -> float:
    """The processor time of a process so far."""
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def test_one_project_whose_database_is_away_holds_up_no_other(idle_grid: Grid) -> None:
    """Each project has its own turn; the log names the one that is away."""
    with idle_grid.config_file.open("a") as opened:
        opened.write(
            "\n[project AWAY]\nserver_name = LGI@localhost\n"
            f"database = mariadb://nobody@localhost/LGI?socket={idle_grid.directory / 'none'}\n"
        )
    put(idle_grid.database, "here", int(time.time()))
    scheduler = Scheduler(idle_grid)
    wait_for(lambda: scheduler.said("event 'here'") != [], 60)
    wait_for(lambda: scheduler.said("project AWAY: ") != [], 60)

    assert scheduler.said("project LGI: .*") == []
    assert scheduler.stop() == 0


def test_a_scheduler_with_an_invalid_order_does_not_start(idle_grid: Grid) -> None:
    """It says which file is wrong; a server started with the same file does not care."""
    idle_grid.change_settings({"share_order": "order.py"})
    (idle_grid.config_file.parent / "order.py").write_text("order = 3\n")
    ended = subprocess.run(
        [BIN / "LGI_scheduler", idle_grid.config_file],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    assert "LGI_scheduler: share_order = " in ended.stderr
    assert "there is no function order(jobs, usage) in it" in ended.stderr


def test_a_database_that_is_killed_and_comes_back_is_served_again() -> None:
    """It waits meanwhile, says so, and neither ends nor asks without pause."""
    with started_mariadb() as server:
        grid = Grid(server.create_database("LGI"))
        scheduler = Scheduler(grid)
        try:
            wait_for(lambda: len(queued(grid.database)) == DUTIES, 60)
            server.kill()
            wait_for(lambda: scheduler.said("project LGI: ") != [], 60)
            begin = time.monotonic()
            time.sleep(3.0)
            complaints, seconds = len(scheduler.said("project LGI: ")), time.monotonic() - begin
            server.start()
            wait_for(lambda: len(queued(grid.database)) == DUTIES, 60)
            put(grid.database, "after", int(time.time()))
            wait_for(lambda: scheduler.said("event 'after'") != [], 60)

            # One a second at most.
            assert complaints <= 2 + seconds
            assert scheduler.stop() == 0
            assert "Traceback" not in scheduler.log.read_text()
        finally:
            scheduler.process.kill()
            grid.remove()


def test_a_submit_has_the_queue_ordered(idle_grid: Grid) -> None:
    """Within a second or two the jobs of two users take turns."""
    scheduler = Scheduler(idle_grid)

    def submit(transaction: Transaction) -> None:
        for number in (100, 200, 300, 101):
            jobs.insert(transaction, queued_job(number))
        event_queue.insert(transaction, event_queue.SCHEDULE_CYCLE, int(time.time()))

    idle_grid.database.run(submit)
    order = "SELECT owners FROM job_queue WHERE priority < 0 ORDER BY priority"
    wait_for(lambda: len(idle_grid.rows(order)) == 4, 60)
    scheduler.stop()

    assert [row["owners"] for row in idle_grid.rows(order)] == ["user0", "user1", "user0", "user0"]
