"""The simulated daemon of the load test: it makes the exchanges of LGI_daemon, when that makes them."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.soak import ledger, verdict
from benchmarks.soak.course import Outcome
from benchmarks.soak.exchange_daemon import ExchangeDaemon
from benchmarks.soak.latencies import Latencies
from benchmarks.soak.ledger import Ledger
from benchmarks.soak.plan import EXCHANGE, LGI, Plan
from benchmarks.soak.samples import Samples
from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_protocol.exchange import Exchange, ExchangeAnswer, GivenJob, JobAnswer
from lgi_protocol.job_description import read_job

PLAN = Plan(fast=5.0, slow=10.0, places=2, shortest=30.0, longest=30.0)
END = 1000.0
GONE = TransportError("https://server", "the connection was cut")


class Daemon(ExchangeDaemon):
    """One that keeps its journal in a file of a test."""

    def __init__(self, directory: Path, plan: Plan = PLAN) -> None:
        self.path = directory / "ledger"
        super().__init__("res1@cluster", plan, Ledger(self.path), 0.0, END)

    @property
    def deeds(self) -> list[tuple[str, int]]:
        return [(entry.deed, entry.job_id) for entry in ledger.read([self.path])]

    def exchange(self, now: float, *given: int) -> Exchange:
        """Make an exchange that is answered at once: with its reports accepted, and jobs of these numbers."""
        posted = self.make_up(now)
        self.apply(posted, answer_to(posted, *given), now)
        return posted


def answer_to(posted: Exchange, *given: int) -> ExchangeAnswer:
    """Return an answer that accepts all reports and gives jobs to the first references."""
    return ExchangeAnswer(
        reports=tuple(
            JobAnswer(one.job_id, one.daemon_reference, one.state, "1700000001") for one in posted.reports
        ),
        jobs=tuple(
            job(number, one.daemon_reference) for number, one in zip(given, posted.references, strict=False)
        ),
    )


def job(number: int, reference: str) -> GivenJob:
    specifics = f"<job_specifics> <daemon_reference> {reference} </daemon_reference> </job_specifics>"
    return GivenJob(
        read_job(f"<job_id> {number} </job_id> <state_time_stamp> 17 </state_time_stamp> {specifics}")
    )


def names(posted: Exchange) -> list[str]:
    return [one.daemon_reference for one in posted.references]


def test_an_idle_daemon_asks_for_as_many_jobs_as_it_has_places_in_every_cycle(tmp_path: Path) -> None:
    """Each want has as many references, which stay the same until jobs are given to them."""
    # given
    daemon = Daemon(tmp_path)

    # when
    first = daemon.exchange(0.0)
    second = daemon.exchange(daemon.due(0.0))

    # then
    assert [one.count for one in first.wants] == [PLAN.places]
    assert len(set(names(first))) == PLAN.places
    assert daemon.due(10.0) == 20.0
    assert names(second) == names(first)
    assert (first.machine is None, second.machine is None) == (False, True)


def test_a_full_daemon_posts_a_heartbeat_of_its_jobs_and_wants_none(tmp_path: Path) -> None:
    """It comes ``fast`` seconds after the last answer."""
    # given
    daemon = Daemon(tmp_path)
    daemon.exchange(0.0, 7, 8)

    # when
    posted = daemon.exchange(daemon.due(0.0))

    # then
    assert [(one.job_id, one.state_time_stamp) for one in posted.holds] == [("7", "17"), ("8", "17")]
    assert (posted.reports, posted.wants, posted.references) == ((), (), ())
    assert daemon.due(5.0) == 10.0


def test_the_report_of_a_job_asks_for_the_next_one_in_its_place(tmp_path: Path) -> None:
    """One exchange ends a job and brings another; the journal has both once the server has answered."""
    # given
    daemon = Daemon(tmp_path)
    daemon.exchange(0.0, 7)
    daemon.exchange(20.0, 8)

    # when the first has run for its 30 seconds
    posted = daemon.exchange(30.0, 9)

    # then
    assert [one.job_id for one in posted.reports] == ["7"]
    assert [one.job_id for one in posted.holds] == ["8"]
    assert [one.count for one in posted.wants] == [1]
    assert set(posted.wants[0].without) == {"7", "8"}
    assert daemon.deeds == [("claimed", 7), ("claimed", 8), ("ended", 7), ("claimed", 9)]


def test_an_exchange_without_an_answer_is_repeated_with_its_reports_and_references(tmp_path: Path) -> None:
    """The server may have given jobs to these references: they come with the repeated answer, once."""
    # given an exchange whose answer is lost
    daemon = Daemon(tmp_path)
    daemon.exchange(0.0, 7, 8)
    lost = daemon.make_up(30.0)
    daemon.lost(lost, 30.0, GONE)

    # when
    due = daemon.due(30.0)
    repeated = daemon.make_up(due)
    daemon.apply(repeated, answer_to(repeated, 9, 10), due)
    daemon.apply(repeated, answer_to(repeated, 9, 10), due)

    # then
    assert 40.0 <= due <= 45.0
    assert [one.job_id for one in repeated.reports] == ["7", "8"]
    assert names(repeated) == names(lost)
    assert daemon.deeds[2:] == [("ended", 7), ("ended", 8), ("claimed", 9), ("claimed", 10)]


def test_a_daemon_that_takes_no_more_jobs_ends_when_its_own_have_and_no_answer_is_missing(
    tmp_path: Path,
) -> None:
    """What may have been given in a lost answer is asked for without a want."""
    # given
    daemon = Daemon(tmp_path)
    lost = daemon.make_up(END - 1)
    daemon.lost(lost, END - 1, GONE)

    # when
    posted = daemon.make_up(daemon.due(END))
    is_over = daemon.over(END)
    daemon.apply(posted, answer_to(posted), END + 20)

    # then
    assert (posted.wants, names(posted)) == ((), names(lost))
    assert not is_over
    assert daemon.over(END + 20)


def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(tmp_path: Path) -> None:
    """And up to half as long in addition, so that daemons do not return together."""
    # given
    daemon = Daemon(tmp_path)
    posted = daemon.make_up(0.0)

    # when
    daemon.lost(posted, 0.0, ServerError(ErrorNumber.BACK_OFF, "busy", 60))

    # then
    assert 60.0 <= daemon.due(0.0) <= 90.0


def test_a_job_that_another_daemon_has_is_noted_as_taken_away(tmp_path: Path) -> None:
    """The test fails then: no job of it may change its daemon."""
    # given
    daemon = Daemon(tmp_path)
    posted = daemon.exchange(0.0, 7)
    error = ServerError(ErrorNumber.NOT_YOUR_LOCK, "another daemon has it")

    # when
    posted = daemon.make_up(5.0)
    hold = posted.holds[0]
    answer = ExchangeAnswer(holds=(JobAnswer(hold.job_id, hold.daemon_reference, error=error),))
    daemon.apply(posted, answer, 5.0)

    # then
    assert daemon.deeds == [("claimed", 7), ("taken away", 7)]


def test_a_held_exchange_is_cut_off_when_it_does_not_say_what_is_here(tmp_path: Path) -> None:
    """One that wants nothing while a place is free at once, one that does not name a job a second later.

    Unless the server tells news of jobs without their names.
    """
    # given a full daemon, whose held exchange begins a second after the last of the worker
    daemon = Daemon(tmp_path)
    daemon.exchange(0.0, 7)
    daemon.exchange(10.0, 8)
    begin = daemon.hold_at(10.0)
    held = daemon.make_up(begin, held=True)
    at_first = daemon.outdated_at(held, begin)

    # when a job ends and another one is given
    daemon.exchange(30.0, 9)
    with_another = daemon.outdated_at(held, 30.0)
    daemon.hears_unnamed = True
    heard = daemon.outdated_at(held, 30.0)
    # and one ends without another
    daemon.exchange(40.0)
    with_room = daemon.outdated_at(held, 40.0)

    # then
    assert begin == 11.0
    assert (held.reports, held.wants) == ((), ())
    assert (at_first, with_another, heard, with_room) == (None, 31.0, None, 40.0)
    assert daemon.hold_at(40.0) == 40.0


def test_heartbeats_and_cycles_wait_while_a_held_exchange_says_all(tmp_path: Path) -> None:
    """As those of the daemon: 45 s after its begin, or after the last exchange of the worker."""
    # given
    daemon = Daemon(tmp_path, replace(PLAN, shortest=90.0, longest=90.0))
    daemon.exchange(0.0, 7)
    alone = daemon.due(0.0)

    # when a server holds an exchange that names its job
    daemon.hold_started(daemon.make_up(1.0, held=True), 1.0)
    beside = daemon.due(1.0)
    daemon.hold_ended(41.0)

    # then what was left out is not made up for
    assert (alone, beside, daemon.due(41.0)) == (PLAN.fast, 45.0, PLAN.fast + 4 * PLAN.slow)


def outcome(plan: Plan, latencies: Latencies) -> Outcome:
    return Outcome(
        plan=plan,
        mariadb=False,
        seconds=60.0,
        claimed=0,
        ended=0,
        latencies=latencies,
        samples=Samples({}),
        slow=(),
        counters={},
        held=0.0,
        filled_in=0.0,
        troubles=(),
    )


@pytest.mark.parametrize(
    ("error", "seconds", "late", "said"),
    [
        ("", 0.05, 0.9, ""),
        ("LGI error 1", 0.05, 0.0, "exchange: LGI error 1, 1 times"),
        ("", 0.3, 0.0, "the slowest hundredth"),
        ("", 0.05, 1.1, "1.10 s after it was due"),
    ],
    ids=["good", "refused", "slow", "late"],
)
def test_a_load_test_of_exchanges_fails_when_a_call_is_refused_or_anything_is_late(
    error: str, seconds: float, late: float, said: str
) -> None:
    """With LGI's calls the same is only reported."""
    # given
    latencies = Latencies()
    latencies.note("exchange", 1.0, seconds, error)
    latencies.note_late(late)

    # when
    found = verdict.failures(outcome(replace(PLAN, calls=EXCHANGE), latencies))
    of_old_calls = verdict.failures(outcome(replace(PLAN, calls=LGI), latencies))

    # then
    assert bool(found) == bool(said)
    assert said in "; ".join(found)
    assert of_old_calls == []
