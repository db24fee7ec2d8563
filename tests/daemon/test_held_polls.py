"""What an exchange that a server holds says already, the exchanges of workers do not say again."""

from collections.abc import Callable
from typing import Any

import pytest

from lgi_daemon.config.rules import LimitRules
from lgi_daemon.loop import held_exchanges
from lgi_daemon.loop.daemon import Daemon
from lgi_daemon.loop.held_exchanges import DELAY
from lgi_protocol.errors import TransportError
from tests.support.fake_server import URL, FakeServer
from tests.support.workshop import FAST, SLOW, Workshop, only, until

from .test_exchanges import finish
from .test_held_exchanges import MeanwhileServer, hold


class HoldingServer(FakeServer):
    """A server at which something happens while it holds an exchange, which it answers then."""

    meanwhile: Callable[[], None] | None = None

    def handle(self, call: str, answer: Callable[[], Any]) -> Any:
        """Run what happens, once."""
        if call == "exchange" and self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            happens()
        return super().handle(call, answer)


@pytest.fixture
def server(workshop: Workshop) -> HoldingServer:
    """A server that takes exchanges, at which something may happen while it holds one."""
    workshop.servers[URL] = server = HoldingServer(exchange=1)
    return server


def made_during_hold(server: HoldingServer, daemon: Daemon, happens: Callable[[], object]) -> int:
    """The exchanges that are made by what happens while the server holds one."""
    numbers: list[int] = []

    def meanwhile() -> None:
        before = len(server.made("exchange"))
        happens()
        numbers.append(len(server.made("exchange")) - before)

    server.meanwhile = meanwhile
    hold(daemon)
    return numbers[0]


@pytest.fixture
def running(workshop: Workshop, server: HoldingServer) -> Daemon:
    """A daemon with a running job."""
    server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    until(lambda: "run" in workshop.acts())
    workshop.marked(only(daemon), "is_running")
    workshop.tick(daemon, 1.0)
    return daemon


def test_a_job_that_a_held_exchange_names_is_not_polled_beside_it(
    workshop: Workshop, server: HoldingServer, running: Daemon
) -> None:
    """A thousand daemons would ask for what the server says by itself."""
    workshop.tick(running, FAST - 10.0)

    assert made_during_hold(server, running, lambda: workshop.tick(running, 20.0)) == 0


def test_a_job_is_polled_beside_a_held_exchange_at_last(
    workshop: Workshop, server: HoldingServer, running: Daemon
) -> None:
    """Its connection may be dead without a sign of it."""
    workshop.tick(running, FAST - 10.0)

    assert made_during_hold(server, running, lambda: workshop.tick(running, FAST + 1.0)) == 1


def test_a_job_is_polled_as_before_when_its_held_exchange_has_ended(
    workshop: Workshop, server: HoldingServer, running: Daemon
) -> None:
    """At most one fast cycle later."""
    workshop.tick(running, FAST - 10.0)
    made_during_hold(server, running, lambda: None)
    before = len(server.made("exchange"))

    workshop.tick(running, FAST + 1.0)

    assert len(server.made("exchange")) == before + 1


def test_a_cycle_makes_no_exchange_beside_a_held_one_that_asks_for_all(
    workshop: Workshop, server: HoldingServer
) -> None:
    """The server would find no job for it."""
    daemon = workshop.daemon()
    workshop.tick(daemon)

    assert made_during_hold(server, daemon, lambda: workshop.tick(daemon, SLOW + 1.0)) == 0


def test_a_cycle_makes_an_exchange_where_none_is_held(workshop: Workshop, server: HoldingServer) -> None:
    """Its server may hold none."""
    daemon = workshop.daemon()
    workshop.tick(daemon)
    before = len(server.made("exchange"))

    workshop.tick(daemon, SLOW + 1.0)

    assert len(server.made("exchange")) == before + 1


def test_a_cycle_asks_for_an_application_that_a_held_exchange_does_not_ask_for(
    workshop: Workshop, server: HoldingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits of the machine are asked in each cycle."""
    monkeypatch.setattr(held_exchanges, "CALM_SECONDS", 0.0)
    workshop.write_script("check_system_limits_script", "exit 1")
    daemon = workshop.daemon()
    workshop.tick(daemon)

    assert made_during_hold(server, daemon, lambda: workshop.tick(daemon, SLOW + 1.0)) == 1
    assert workshop.acts().count("check_system_limits") == 2


def test_a_cycle_sends_changed_capabilities_beside_a_held_exchange(
    workshop: Workshop, server: HoldingServer
) -> None:
    """They stand in no held one."""
    daemon = workshop.daemon()
    workshop.tick(daemon)

    def change() -> None:
        workshop.write_script("check_system_limits_script", "echo no scratch; exit 1")
        workshop.tick(daemon, SLOW + 1.0)

    assert made_during_hold(server, daemon, change) == 1


def replace_job(workshop: Workshop, server: FakeServer, daemon: Daemon) -> None:
    """Let the only job end: another one comes with the answer to its report."""
    server.submit("2")
    finish(workshop, daemon)
    workshop.tick(daemon, 1.0)
    assert [job.record.job_id for job in daemon.jobs if not job.closed] == ["2"]


def full(workshop: Workshop, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """A daemon whose only slot has a job."""
    monkeypatch.setattr(held_exchanges, "CALM_SECONDS", 0.0)
    workshop.rules = LimitRules({"any": 1}, (), 1)
    workshop.servers[URL] = server
    server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    until(lambda: not only(daemon).is_alive())
    return daemon


def pause_after_new_job(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, *, hears_unnamed: bool
) -> object:
    """What follows a held exchange during which another job came: a pause, or the fault of its connection."""
    server = MeanwhileServer(exchange=1, hears_unnamed=hears_unnamed)
    daemon = full(workshop, server, monkeypatch)
    polls: list[int] = []

    def meanwhile() -> None:
        replace_job(workshop, server, daemon)
        workshop.tick(daemon)
        workshop.tick(daemon)
        before = len(server.made("exchange"))
        workshop.tick(daemon, FAST + 1.0)
        polls.append(len(server.made("exchange")) - before)

    server.meanwhile = meanwhile
    try:
        return hold(daemon), polls
    except TransportError as error:
        return type(error), polls


def test_a_held_exchange_serves_a_new_job_where_its_server_hears_of_it(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection and an exchange for each job would cost more than the rest of it, and so would polls."""
    assert pause_after_new_job(workshop, monkeypatch, hears_unnamed=True) == (TransportError, [0])


def test_a_held_exchange_is_made_anew_for_a_new_job_where_its_server_does_not_hear_of_it(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers of earlier versions tell news only of the jobs that it names."""
    assert pause_after_new_job(workshop, monkeypatch, hears_unnamed=False) == (DELAY, [1])


def test_news_of_a_job_that_a_held_exchange_does_not_name_is_asked_for_at_once(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer is early and empty: the next one names the job."""
    server = HoldingServer(exchange=1, hears_unnamed=True)
    daemon = full(workshop, server, monkeypatch)

    def meanwhile() -> None:
        replace_job(workshop, server, daemon)
        server.change("2", state="aborting")

    server.meanwhile = meanwhile
    pause = hold(daemon)
    hold(daemon)
    workshop.tick(daemon, 1.0)

    assert pause == DELAY
    assert server.jobs["2"].state == "aborted"
