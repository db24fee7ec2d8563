"""Long polls of the daemon: the server answers as soon as there is work."""

import logging
import time

import pytest

from lgi_daemon.loop.daemon import Daemon
from lgi_daemon.loop.long_poll import DELAY, FAILURE_DELAY, MAX_HOLD, LongPoll
from tests.support.fake_server import URL
from tests.support.workshop import FAST, Workshop, only, until


def look(workshop: Workshop, daemon: Daemon, watch: LongPoll) -> float:
    """One call of a watch, and the tick that follows."""
    pause = daemon.long_polls.poll(watch)
    workshop.tick(daemon)
    return pause


def watched(workshop: Workshop) -> tuple[Daemon, LongPoll]:
    """A daemon that has asked for work once, in vain, and a watch of its server."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    return daemon, LongPoll("LGI", URL, 40)


def test_a_queued_job_is_taken_without_waiting_for_the_cycle(workshop: Workshop) -> None:
    """An announced job is fetched immediately."""
    daemon, watch = watched(workshop)
    workshop.server.submit("1")

    workshop.tick(daemon, 1.0)
    assert len(daemon.jobs) == 0
    assert look(workshop, daemon, watch) == DELAY

    assert only(daemon).record.job_id == "1"


def test_a_job_that_was_announced_is_no_news_for_a_fast_cycle(workshop: Workshop) -> None:
    """One that this resource does not take costs no more than it did without a watch."""
    daemon, watch = watched(workshop)
    workshop.write_script("job_check_limits_script", "exit 1")
    workshop.server.submit("1")

    look(workshop, daemon, watch)
    searches = len(workshop.server.made("request_work"))
    look(workshop, daemon, watch)
    assert workshop.server.asked[-1]["known"] == ["1"]
    assert len(workshop.server.made("request_work")) == searches

    workshop.tick(daemon, FAST)
    look(workshop, daemon, watch)
    assert len(workshop.server.made("request_work")) > searches


def test_a_server_is_told_how_full_the_resource_is(workshop: Workshop) -> None:
    """The load is in percent of its job_limit: resources with less load are notified of a new job first."""
    daemon, watch = watched(workshop)
    for job_id in ("1", "2", "3"):
        workshop.server.submit(job_id)

    look(workshop, daemon, watch)
    look(workshop, daemon, watch)

    assert [asked["load"] for asked in workshop.server.asked if "load" in asked] == [0, 30]


def test_an_abort_is_asked_after_at_once(workshop: Workshop) -> None:
    """The job's state is fetched and its abort script runs, long before its turn in the fast cycle."""
    daemon, watch = watched(workshop)
    workshop.server.submit("1")
    look(workshop, daemon, watch)
    workshop.tick(daemon)
    workshop.marked(only(daemon), "is_running")
    workshop.server.change("1", state="aborting")

    look(workshop, daemon, watch)
    workshop.tick(daemon, 1.0)
    workshop.tick(daemon, 1.0)

    assert workshop.server.jobs["1"].state == "aborted"
    assert len(daemon.jobs) == 0


def held_for(workshop: Workshop) -> list[int]:
    """For how many seconds the server may hold each call so far."""
    return [asked["seconds"] for asked in list(workshop.server.asked) if "seconds" in asked]


@pytest.mark.slow
@pytest.mark.parametrize("longest", [0, 60])
def test_only_servers_that_hold_calls_are_watched(workshop: Workshop, longest: int) -> None:
    """A server of LGI 1.31 is polled as before; no call is held longer than routers keep a connection."""
    workshop.server.longest_wait = longest
    workshop.at_once = 2
    daemon = workshop.daemon()
    daemon.set_callbacks(lambda: False)
    try:
        for _ in range(50):
            workshop.tick(daemon, 0.1)
            time.sleep(0.02)
        if longest:
            until(lambda: bool(held_for(workshop)))
        assert set(held_for(workshop)) == ({MAX_HOLD} if longest else set())
    finally:
        daemon.set_callbacks(lambda: True)
        daemon.close()


def test_a_server_that_fails_is_left_alone_for_a_while(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """The long poll is repeated later; nothing else is delayed."""
    daemon, watch = watched(workshop)
    workshop.server.fail("wait")

    with caplog.at_level(logging.DEBUG):
        assert look(workshop, daemon, watch) == FAILURE_DELAY

    assert look(workshop, daemon, watch) == FAILURE_DELAY
    workshop.tick(daemon, 20.0)
    assert look(workshop, daemon, watch) == DELAY
