"""A slot does not wait: what frees it brings the next job, and nothing stands between that and its start."""

import threading
from contextlib import ExitStack
from typing import Any

import pytest

from lgi_daemon.claiming.given_jobs import rejected_version
from lgi_daemon.claiming.vacancies import FRESH_SECONDS, Vacancies
from lgi_daemon.cli.main import SHORT_TICK, SHORTEST_PAUSE, SLEEP_FACTOR, TICK_SECONDS, pause_after
from lgi_daemon.config.rules import LimitRules
from lgi_daemon.jobs.job import LocalJob
from lgi_daemon.jobs.local_check import LocalCheck
from lgi_daemon.loop import held_exchanges
from lgi_daemon.loop.daemon import Daemon
from lgi_daemon.loop.held_exchanges import DELAY
from lgi_daemon.loop.lost_answers import GRACE_SECONDS
from lgi_protocol.errors import TransportError
from lgi_protocol.exchange import GivenJob, Want
from tests.support.fake_server import URL, FakeServer
from tests.support.workshop import Workshop, only, until

from .test_exchanges import finish
from .test_held_exchanges import MeanwhileServer, hold


@pytest.fixture
def one_slot(workshop: Workshop) -> Workshop:
    """A resource with room for one job, whose server takes exchanges and has three jobs."""
    workshop.rules = LimitRules({"any": 1}, (), 1)
    workshop.server.exchange = 1
    for number in "123":
        workshop.server.submit(number)
    return workshop


def test_the_answer_to_a_report_fills_the_slot_that_it_frees(one_slot: Workshop) -> None:
    """One exchange for each job, however many there are, and the next job is started in the same tick."""
    daemon = one_slot.daemon()
    one_slot.tick(daemon)
    for number in "12":
        until(lambda: not any(job.is_alive() for job in daemon.jobs))
        finish(one_slot, daemon)
        one_slot.tick(daemon, 1.0)
        assert one_slot.server.jobs[number].state == "finished"

    assert only(daemon).record.job_id == "3"
    assert one_slot.server.calls == ["sign_up", "sign_off", "exchange", "exchange", "exchange"]
    until(lambda: one_slot.acts().count("run") == 3)


def test_the_report_of_a_long_job_asks_for_the_next_one(one_slot: Workshop) -> None:
    """The limits of the machine, which were asked too long ago, are asked while the epilogue runs."""
    daemon = one_slot.daemon()
    one_slot.tick(daemon)
    finish(one_slot, daemon)

    one_slot.tick(daemon, FRESH_SECONDS + 1)

    assert one_slot.acts().count("check_system_limits") == 2
    assert [len(one.reports) for one in one_slot.server.exchanges] == [0, 1]
    assert [len(one.wants) for one in one_slot.server.exchanges] == [1, 1]
    assert one_slot.server.jobs["2"].state == "running"


def test_a_job_is_started_before_the_next_of_its_answer_is_stored(workshop: Workshop) -> None:
    """The daemon is woken for each job, which is due then."""
    workshop.server.exchange = 1
    for number in "12":
        workshop.server.submit(number)
    daemon = workshop.daemon()
    due: list[int] = []
    daemon.set_callbacks(
        lambda: False,
        lambda: due.append(sum(job.schedule.next_check <= daemon.clock.now for job in daemon.jobs)),
    )

    workshop.tick(daemon)

    assert due[:2] == [1, 2]


def test_a_job_that_came_with_an_exchange_is_not_polled_at_once(one_slot: Workshop) -> None:
    """Its poll would delay its start."""
    daemon = one_slot.daemon()
    polled: list[bool] = []
    daemon.set_callbacks(
        lambda: False, lambda: polled.append(only(daemon).schedule.poll_due(daemon.clock.now))
    )

    one_slot.tick(daemon)

    assert polled[0] is False


def test_a_job_that_a_worker_has_is_given_to_no_other(
    one_slot: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that finds the job locked would wake the daemon, which would start the check again."""
    daemon = one_slot.daemon()
    one_slot.tick(daemon)
    job = only(daemon)
    finish(one_slot, daemon)
    checked: list[str] = []
    monkeypatch.setattr(LocalCheck, "check", lambda _check, one: checked.append(one.record.job_id))

    with job.lock:
        one_slot.tick(daemon, 5.0)
    locked = list(checked)
    one_slot.tick(daemon)

    assert locked == []
    assert "1" in checked


def test_the_slot_of_a_removed_job_is_free_at_once(
    one_slot: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only when the daemon drops the job: what came for its slot would be given back meanwhile.

    A job that is given back is not wanted for seconds: a rush of short jobs ended with some that waited.
    """
    daemon = one_slot.daemon()
    one_slot.tick(daemon)
    first = only(daemon)
    was_free: list[bool] = []
    check = LocalCheck.check

    def check_and_look(one: LocalCheck, job: LocalJob) -> None:
        check(one, job)
        if job.removed:
            was_free.append(job.is_leaving(daemon.clock.now))

    monkeypatch.setattr(LocalCheck, "check", check_and_look)
    until(lambda: not first.is_alive())
    finish(one_slot, daemon)

    one_slot.tick(daemon, 1.0)
    until(lambda: bool(was_free))

    assert first.removed
    assert was_free == [True]


def test_room_that_is_being_taken_is_not_asked_for(
    one_slot: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is applied while an exchange is made up takes slot and reference at once.

    Otherwise that exchange would bring a job too many, which is given back and then not wanted for a while.
    """
    daemon = one_slot.daemon()
    daemon.work_cycle.due_at = 1e9
    daemon.fetcher.sessions.pool().session("LGI", URL)
    exchanger = daemon.exchanges.exchanger
    announcement = daemon.sessions.exchange_servers.announcement("LGI", URL)
    assert announcement is not None
    calls = daemon.servers.connect("LGI", URL)
    exchanger.vacancies.ask_scripts("LGI")
    first = exchanger.make_up(announcement, calls, ExitStack(), is_held=True)
    answer = exchanger.send(first, calls)
    applying = threading.Thread(target=lambda: exchanger.apply(first, answer, announcement))
    find = daemon.vacancy_finder.find

    def find_meanwhile(*arguments: Any, **more: Any) -> Vacancies:
        found = find(*arguments, **more)
        applying.start()
        applying.join(0.5)
        return found

    monkeypatch.setattr(daemon.vacancy_finder, "find", find_meanwhile)
    second = exchanger.make_up(announcement, calls, ExitStack(), is_held=True)
    exchanger.apply(second, exchanger.send(second, calls), announcement)
    applying.join()

    assert [job_id for job_id, _reference in one_slot.server.given] == ["1"]
    assert only(daemon).record.job_id == "1"


def job_of(server: FakeServer, number: str) -> GivenJob:
    """A job as an answer has it."""
    return GivenJob(server.jobs[number], repository_files=0)


def test_room_is_left_where_fewer_jobs_came_than_were_wanted(one_slot: Workshop) -> None:
    """It is left by the limits of the application, and by those of all together."""
    given = (job_of(one_slot.server, "1"),)
    application = given[0].description.application
    wants = Want(application, 2, ""), Want("another", 2, "")

    assert Vacancies(wants, 3).left_by(()) == {application: "", "another": ""}
    assert Vacancies(wants, 3).left_by(given * 2) == {"another": ""}
    assert Vacancies(wants, 2).left_by(given * 2) == {}


@pytest.mark.parametrize("jobs", ["1", "12"])
def test_a_held_exchange_is_made_anew_for_room_that_is_left(workshop: Workshop, jobs: str) -> None:
    """It goes on when the answer to a report has filled the room that the report has made."""
    workshop.rules = LimitRules({"any": 1}, (), 1)
    workshop.servers[URL] = server = MeanwhileServer(exchange=1)
    for number in jobs:
        server.submit(number)
    daemon = workshop.daemon()
    daemon.work_cycle.due_at, daemon.clock.now = 1e9, workshop.now
    daemon.fetcher.sessions.pool().session("LGI", URL)
    hold(daemon)
    workshop.tick(daemon)
    until(lambda: not any(job.is_alive() for job in daemon.jobs))
    finish(workshop, daemon)
    server.meanwhile = lambda: workshop.tick(daemon, 1.0)

    is_cut = attempt(daemon)

    assert server.jobs["1"].state == "finished"
    assert is_cut == (jobs == "1")


def attempt(daemon: Daemon) -> bool:
    """Hold an exchange whose connection is lost; return whether it was cut off by the daemon."""
    try:
        return hold(daemon) == DELAY
    except TransportError:
        return False


def test_a_full_resource_hears_of_the_abort_of_its_only_job(one_slot: Workshop) -> None:
    """The exchange that has brought it is followed by one that names it, without a pause."""
    daemon = one_slot.daemon()
    daemon.fetcher.sessions.pool().session("LGI", URL)
    hold(daemon)
    one_slot.server.change("1", state="aborting")

    hold(daemon)
    one_slot.tick(daemon)

    assert [one.job_id for one in one_slot.server.exchanges[1].holds] == ["1"]
    assert one_slot.server.jobs["1"].state == "aborted"


def test_room_ends_the_pause_before_the_next_held_exchange(
    one_slot: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full resource pauses after a report; a pause that went on would delay the next job."""
    monkeypatch.setattr(held_exchanges, "CALM_SECONDS", 600.0)
    daemon = one_slot.daemon()
    one_slot.tick(daemon)
    asked: list[tuple[str, str]] = []
    daemon.held_exchanges.on_room = lambda project, server: asked.append((project, server))
    assert (hold(daemon) or 0) > 60

    daemon.held_exchanges.require("LGI", URL, {})
    assert asked == []
    daemon.held_exchanges.require("LGI", URL, {"hello_world": ""})

    assert asked == [("LGI", URL)]


def test_room_that_comes_while_an_exchange_is_made_up_is_asked_for(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such an exchange is not held: it would ask for too little until the server answers."""
    workshop.servers[URL] = server = MeanwhileServer(exchange=1)
    daemon = workshop.daemon()
    daemon.fetcher.sessions.pool().session("LGI", URL)
    make_up = daemon.exchanges.exchanger.make_up

    def make_up_meanwhile(*arguments: Any, **more: Any) -> Any:
        made = make_up(*arguments, **more)
        daemon.held_exchanges.require("LGI", URL, {"another": ""})
        return made

    monkeypatch.setattr(daemon.exchanges.exchanger, "make_up", make_up_meanwhile)
    server.meanwhile = lambda: None

    assert attempt(daemon)


def test_an_exchange_that_is_made_anew_needs_no_other_to_find_its_jobs(workshop: Workshop) -> None:
    """It posts the same references; a while later, and without it, a worker asks."""
    workshop.servers[URL] = server = MeanwhileServer(exchange=1)
    daemon = workshop.daemon()
    workshop.tick(daemon)
    server.meanwhile = lambda: daemon.held_exchanges.require("LGI", URL, {"another": ""})
    hold(daemon)
    made = len(server.exchanges)

    workshop.tick(daemon, GRACE_SECONDS / 2)
    at_once = len(server.exchanges) - made
    workshop.tick(daemon, GRACE_SECONDS)

    assert (at_once, len(server.exchanges) - made) == (0, 1)


def test_a_held_exchange_ends_when_a_job_is_wanted_again(one_slot: Workshop) -> None:
    """The server does not give a job that was given back, as long as the exchange says so."""
    daemon = one_slot.daemon()
    daemon.fetcher.sessions.pool().session("LGI", URL)
    version = rejected_version("LGI", URL, one_slot.server.jobs["1"].application, "1")
    daemon.fetcher.claimer.rejected_jobs.record(version, is_brief=True)

    hold(daemon)

    assert one_slot.server.exchanges[0].wants[0].without == ("1",)
    assert 1 <= one_slot.server.held_for[0] <= 3


def test_a_daemon_sleeps_after_a_tick_that_has_used_the_processor() -> None:
    """Not after one that has waited for it, as on a busy machine; ticks of many jobs use a tenth of it."""
    assert pause_after(0.0) == pause_after(SHORT_TICK) == SHORTEST_PAUSE
    assert pause_after(0.02) == pytest.approx(SLEEP_FACTOR * (0.02 - SHORT_TICK))
    assert pause_after(10.0) == TICK_SECONDS
