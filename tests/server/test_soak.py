"""The load test's own bookkeeping: it must see what it is made to see."""

import json
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import processes
from benchmarks.report import circumstances
from benchmarks.soak import course, ledger, reckoning, report, slow_log, verdict
from benchmarks.soak.allowance import BURST, Allowance
from benchmarks.soak.latencies import Latencies, Lengths, merged
from benchmarks.soak.ledger import Deed, Entry
from benchmarks.soak.plan import EXCHANGE, LGI, Plan
from benchmarks.soak.reckoning import Books, Stored
from benchmarks.soak.samples import OTHERS, Group, Samples
from tests.support.grid import Grid, wait_for

pytestmark = pytest.mark.slow

SMALL = Plan(
    jobs=200,
    resources=5,
    seconds=2.5,
    fast=0.4,
    slow=0.8,
    places=2,
    shortest=0.2,
    longest=0.6,
    cores=2.0,
    sample_seconds=0.5,
    lead=1.0,
)
CLAIM = "0123456789ABCDEF" * 2
GIVEN = Entry(Deed.CLAIMED, 7, "res1@cluster", CLAIM)
ENDED = replace(GIVEN, deed=Deed.ENDED)
FINISHED = Stored(7, "finished", "res1@cluster", f"res1@cluster {CLAIM}\n".encode())
GOOD = Books(9, [FINISHED], {7: reckoning.LIFE}, {"locks": 0}, 1)
LOG = """\
# Time: 261121 11:00:00
# User@Host: root[root] @ localhost []
# Thread_id: 5  Schema: LGI  QC_hit: No
# Query_time: 0.020000  Lock_time: 0.000010  Rows_sent: 1  Rows_examined: 1
# Rows_affected: 0  Bytes_sent: 5
SET timestamp=1795258800;
COMMIT;
# Query_time: 1.500000  Lock_time: 0.000010  Rows_sent: 1  Rows_examined: 100000
SET timestamp=1795258801;
SELECT *
  FROM job_queue;
"""


@pytest.mark.parametrize(("calls", "end"), [(EXCHANGE, "exchange"), (LGI, "update_job finished")])
def test_a_small_load_test_ends_every_job_once_and_writes_its_report(
    grid: Grid, tmp_path: Path, calls: str, end: str
) -> None:
    """Server, scheduler and daemons together: all that was given out has ended, and the report says so."""
    # when, for longer on a machine on which hardly a job has ended so soon
    for times in (1, 4, 16):
        records = tmp_path / f"records{times}"
        plan = replace(SMALL, seconds=SMALL.seconds * times, lead=SMALL.lead * times, calls=calls)
        outcome = course.run(grid, plan, records)
        if outcome.ended >= SMALL.resources * SMALL.places:
            break
    report.write(tmp_path, circumstances("", plan.seconds, 1), outcome)

    # then
    assert outcome.troubles == []
    assert not outcome.latencies.errors
    assert outcome.claimed == outcome.ended >= SMALL.resources * SMALL.places
    assert outcome.latencies.calls[end].number > 0
    assert outcome.samples.most_memory(course.SERVER) > 0
    assert outcome.samples.mean_cores(course.SIMULATOR) > 0
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["passed"] is (verdict.failures(outcome) == [])
    assert written["jobs_ended"] == outcome.ended
    assert f"{outcome.ended} ended" in (tmp_path / "report.md").read_text()

    # and a job that is queued anew behind everybody's back is seen
    entries = ledger.read(records.glob("ledger-*"))
    grid.run("UPDATE job_queue SET state = 'queued' WHERE job_id = %s", entries[0].job_id)
    found = " ".join(reckoning.troubles(entries, reckoning.books(grid), SMALL.jobs))
    assert "1 jobs ended, but the database does not have it finished" in found


@pytest.mark.parametrize(
    ("entries", "stored", "said"),
    [
        ([GIVEN, ENDED], GOOD, ""),
        ([GIVEN, GIVEN, ENDED], GOOD, "given to daemons more than once: 7"),
        ([GIVEN, ENDED, ENDED], GOOD, "ended more than once: 7"),
        ([ENDED], GOOD, "ended without a claim: 7"),
        ([GIVEN], GOOD, "claimed and never ended: 7"),
        ([], GOOD, "ended by no daemon: 7"),
        ([GIVEN, ENDED, replace(GIVEN, deed=Deed.TAKEN_AWAY)], GOOD, "taken away from its daemon: 7"),
        ([GIVEN, replace(ENDED, daemon="res2@cluster")], GOOD, "of another resource: 7"),
        ([GIVEN, replace(ENDED, reference="F" * 32)], GOOD, "output of another claim: 7"),
        ([GIVEN, ENDED], replace(GOOD, jobs=[]), "does not have it finished: 7"),
        ([GIVEN], replace(GOOD, jobs=[replace(FINISHED, state="running")]), "left unfinished: 7"),
        ([GIVEN, ENDED], replace(GOOD, changes={7: (*reckoning.LIFE, "queued")}), "with a history"),
        ([GIVEN, ENDED], replace(GOOD, queued=8), "10 jobs were queued, 9 are there"),
        ([GIVEN, ENDED], replace(GOOD, leftovers={"locks": 2}), "2 locks are left behind"),
        ([GIVEN, ENDED], replace(GOOD, runs=2), "has counted 2 runs, 1 jobs have run"),
    ],
    ids=[
        "good",
        "two claims",
        "two ends",
        "no claim",
        "no end",
        "no ledger",
        "taken away",
        "other resource",
        "other claim",
        "not finished",
        "running",
        "history",
        "job gone",
        "locks",
        "usage",
    ],
)
def test_a_disagreement_of_daemons_and_database_is_reported(
    entries: list[Entry], stored: Books, said: str
) -> None:
    """A lost or doubled job is found from either side, and nothing is found where nothing is."""
    # when
    found = reckoning.troubles(entries, stored, filled=10)

    # then
    assert bool(found) == bool(said)
    assert said in "; ".join(found)


def test_slow_statements_are_read_from_the_log_of_mariadb() -> None:
    """The text of each is on one line, whatever lines precede it."""
    # when
    found = list(slow_log.statements(LOG.splitlines()))

    # then
    assert [(one.seconds, one.sql) for one in found] == [
        (0.02, "COMMIT;"),
        (1.5, "SELECT * FROM job_queue;"),
    ]
    assert slow_log.above(found) == {0.01: 2, 0.1: 1, 1.0: 1, 5.0: 0}


def test_latencies_of_two_processes_are_put_together() -> None:
    """A quantile is right to a hundredth, the longest exactly; errors and times of the calls are kept."""
    # given
    one, two = Latencies(), Latencies()
    for number in range(1, 100):
        one.note("lock_job", 1.0, number / 1000)
    two.note("lock_job", 12.0, 0.5, "LGI error 17")

    # when
    both = merged(json.loads(json.dumps(part.as_json())) for part in (one, two))

    # then
    lengths = both.calls["lock_job"]
    assert lengths.number == 100
    assert lengths.quantile(0.5) == pytest.approx(0.050, rel=0.02)
    assert lengths.quantile(0.99) == pytest.approx(0.099, rel=0.02)
    assert lengths.quantile(1) == lengths.longest == 0.5
    assert {slot: found.number for slot, found in both.slots.items()} == {0: 99, 1: 1}
    assert both.errors == {"lock_job: LGI error 17": 1}
    assert Lengths().quantile(0.5) == 0


def test_processor_time_of_a_process_that_has_ended_is_not_taken_for_that_of_others() -> None:
    """It is not seen any more, but neither did anybody else use it."""
    # given a group of one process, that has used some time, and a machine on which nobody else does anything
    busy = subprocess.Popen(["sh", "-c", "while :; do :; done"])
    now = [0.0]
    samples = Samples({"busy": Group(processes=[busy.pid])}, lambda: now[0], lambda: 100.0)
    wait_for(lambda: processes.share((), [busy.pid]).seconds >= 0.2)
    now[0] = 1.0
    samples.take()

    # when it has ended
    busy.kill()
    busy.wait()
    now[0] = 2.0
    samples.take()

    # then
    assert samples.taken[0].cores["busy"] >= 0.1
    assert samples.taken[1].cores["busy"] == 0
    assert samples.taken[1].memory["busy"] == 0
    assert samples.taken[1].cores[OTHERS] == 0


def test_a_simulator_is_held_back_to_its_share_of_the_processors() -> None:
    """A process above its cores sleeps until its average is below; one below them does not wait."""
    # given
    now, used = [0.0], [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    allowance = Allowance(0.5, lambda: now[0], lambda: used[0], sleep)

    # when it has used next to nothing
    used[0], now[0] = BURST / 2, 0.1
    allowance.wait()

    # then
    assert allowance.held == 0

    # when it has used all of a core for ten seconds
    used[0], now[0] = 10.0, 10.0
    allowance.wait()

    # then
    assert now[0] == pytest.approx(10 + (10 - 10 * 0.5 - BURST) / 0.5, rel=0.1)
    assert allowance.held == pytest.approx(now[0] - 10)


def test_threads_that_are_held_back_use_nothing_of_what_is_allowed() -> None:
    """The checks of five hundred waiting threads would leave nothing to the one that may run."""
    # given
    looks, free = [0], threading.Event()

    def clock() -> float:
        looks[0] += 1
        return 0.0

    over = [0.0]
    allowance = Allowance(0.5, clock, lambda: over[0], lambda _seconds: _let_go(free, over))
    over[0] = 10.0
    threads = [threading.Thread(target=allowance.wait) for _ in range(20)]

    # when all of them ask
    for thread in threads:
        thread.start()
    wait_for(lambda: looks[0] >= 1 + len(threads))
    looked = looks[0]
    free.set()
    for thread in threads:
        thread.join(60)

    # then while one slept the others did not look, but when they came
    assert looked <= 2 + len(threads)
    assert not any(thread.is_alive() for thread in threads)


def _let_go(free: threading.Event, over: list[float]) -> None:
    """Sleep until the test lets go; nothing counts as used then."""
    free.wait(60)
    over[0] = -100.0
