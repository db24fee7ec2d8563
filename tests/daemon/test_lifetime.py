"""A daemon that was started for a while, as in a batch job, ends by itself and never ends a job."""

import pytest

from lgi_daemon.loop.daemon import Daemon
from lgi_daemon.loop.lifetime import Lifetime, LifetimeLimit
from tests.support.workshop import FAST, SLOW, Workshop, only


def mortal(workshop: Workshop, idle: float = 0.0, life: float = 0.0) -> Daemon:
    """A daemon with limits."""
    workshop.lifetime = Lifetime(idle, life)
    return workshop.daemon()


def ends_after(workshop: Workshop, daemon: Daemon, most: float = 5000.0) -> float:
    """Return for how many seconds the daemon runs, tick by tick."""
    began = workshop.now
    while not daemon.exit_reason() and workshop.now < began + most:
        workshop.tick(daemon, 1.0)
    return workshop.now - began


def test_a_daemon_without_limits_lives_for_ever(workshop: Workshop) -> None:
    """Without --idle-limit and --life-limit it ends only by a signal."""
    assert ends_after(workshop, mortal(workshop)) == 5000.0


def test_a_daemon_without_work_ends_after_its_idle_limit(workshop: Workshop) -> None:
    """The time counts from its start, and the reason is logged."""
    daemon = mortal(workshop, idle=300.0)

    assert 300.0 <= ends_after(workshop, daemon) <= 302.0
    assert daemon.exit_reason() == "it has been idle for 300 s"


def test_idleness_is_counted_anew_after_each_job(workshop: Workshop) -> None:
    """A job that runs for an hour is no idleness."""
    workshop.server.submit("1")
    daemon = mortal(workshop, idle=300.0)
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    for _minute in range(60):
        workshop.tick(daemon, 60.0)
    over_while_running = daemon.exit_reason()
    workshop.marked(only(daemon), "is_finished")
    workshop.tick(daemon, FAST)

    assert over_while_running == ""
    assert workshop.server.jobs["1"].state == "finished"
    assert 299.0 <= ends_after(workshop, daemon) <= 302.0


def test_a_daemon_that_is_drained_while_it_runs_takes_no_job_and_ends_none(workshop: Workshop) -> None:
    """By SIGUSR1; the first reason is the one that is told."""
    workshop.server.submit("1")
    daemon = mortal(workshop)
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    daemon.lifetime_limit.drain("a SIGUSR1 was received")
    daemon.lifetime_limit.drain("another reason")
    workshop.server.submit("2")
    workshop.tick(daemon, SLOW)
    over_while_running = daemon.exit_reason()
    workshop.marked(only(daemon), "is_finished")
    workshop.tick(daemon, FAST)

    assert over_while_running == ""
    assert workshop.server.jobs["1"].state == "finished"
    assert workshop.server.jobs["2"].state == "queued"
    assert ends_after(workshop, daemon) <= 2.0
    assert daemon.exit_reason() == "a SIGUSR1 was received"


def test_a_daemon_at_the_end_of_its_life_takes_no_job_and_ends_none(workshop: Workshop) -> None:
    """The last job ends as it likes, and is reported; then the daemon ends."""
    workshop.server.submit("1")
    daemon = mortal(workshop, life=1000.0)
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    workshop.tick(daemon, 1000.0)
    workshop.server.submit("2")
    workshop.tick(daemon, SLOW)
    workshop.tick(daemon, SLOW)
    over_while_running, acts = daemon.exit_reason(), workshop.acts()
    workshop.marked(only(daemon), "is_finished")
    workshop.tick(daemon, FAST)

    assert (over_while_running, "abort" in acts) == ("", False)
    assert [job.state for job in workshop.server.jobs.values()] == ["finished", "queued"]
    assert daemon.exit_reason() == "it has run for 1000 s"


def test_a_daemon_that_drains_takes_no_job_and_ends_with_the_last_one(workshop: Workshop) -> None:
    """It reports the jobs of the previous daemon, and claims none at its start either."""
    workshop.server.submit("1")
    first = workshop.daemon()
    workshop.tick(first)
    workshop.marked(only(first), "is_running")
    first.run.lock.release()
    workshop.server.submit("2")
    workshop.lifetime = Lifetime(drain=True)
    daemon = workshop.daemon()
    for _ in range(3):
        workshop.tick(daemon, SLOW)
    over_while_running, acts = daemon.exit_reason(), workshop.acts()
    workshop.marked(only(daemon), "is_finished")
    workshop.tick(daemon, FAST)

    assert (over_while_running, "abort" in acts) == ("", False)
    assert [job.state for job in workshop.server.jobs.values()] == ["finished", "queued"]
    assert daemon.exit_reason() == "all remaining jobs have ended"


def test_a_daemon_that_drains_ends_at_once_where_there_is_no_job(workshop: Workshop) -> None:
    """So a script can wait for it."""
    workshop.server.submit("1")
    workshop.lifetime = Lifetime(drain=True)

    assert ends_after(workshop, workshop.daemon()) <= 1.0
    assert workshop.server.jobs["1"].state == "queued"


@pytest.mark.parametrize("call", ["update", "lock"])
def test_a_job_that_cannot_be_reported_yet_keeps_the_daemon_alive(workshop: Workshop, call: str) -> None:
    """Its end would otherwise stay unknown to the server."""
    workshop.server.submit("1")
    daemon = mortal(workshop, idle=300.0, life=400.0)
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_finished")
    workshop.server.fail(call, times=8)

    for _minute in range(8):
        workshop.tick(daemon, 60.0)
    early = daemon.exit_reason()
    ends_after(workshop, daemon)

    assert early == ""
    assert workshop.server.jobs["1"].state == "finished"


@pytest.mark.parametrize("exchange", [0, 1])
def test_a_job_that_asks_for_more_time_than_is_left_is_not_taken(workshop: Workshop, exchange: int) -> None:
    """By exchanges and by the calls of LGI; one that fits, or asks for none, is taken."""
    workshop.server.exchange = exchange
    daemon = mortal(workshop, life=1500.0)
    workshop.tick(daemon)
    asked = {"1": "<walltime> 1000 </walltime>", "2": "<walltime> 00:10:00 </walltime>", "3": ""}
    for job_id, text in asked.items():
        workshop.server.submit(job_id, specifics=text)

    workshop.tick(daemon, SLOW)
    workshop.tick(daemon, 1.0)

    taken = {job.record.job_id for job in daemon.jobs}
    assert taken == {"2", "3"}
    assert workshop.server.jobs["1"].state == "queued"


def test_time_is_measured_from_the_first_tick() -> None:
    """The whole life is left before it, none at the end of it."""
    limit = LifetimeLimit(Lifetime(life=100.0))
    before = limit.time_left()
    limit.tick(1000.0, has_jobs=False)
    limit.tick(1060.0, has_jobs=False)
    later = limit.time_left()
    limit.tick(1200.0, has_jobs=False)

    assert (before, later, limit.time_left()) == (100.0, 40.0, 0.0)
    assert LifetimeLimit(Lifetime(idle=5.0)).time_left() is None
