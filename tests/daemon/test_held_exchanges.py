"""Exchanges that a server holds: they bring news at once, and ask for what there is room for."""

from collections.abc import Callable
from typing import Any

import pytest

from lgi_daemon.config.rules import LimitRules
from lgi_daemon.files.disk_space import DiskSpace
from lgi_daemon.loop.daemon import Daemon
from lgi_daemon.loop.exchanger import Exchanger
from lgi_daemon.loop.held_exchanges import CALM_SECONDS, DELAY, EARLY_DELAY
from lgi_daemon.loop.outgoing_exchange import OutgoingExchange
from lgi_protocol.errors import TransportError
from tests.support.fake_server import URL, FakeServer
from tests.support.workshop import FAST, Workshop, only, until


@pytest.fixture
def exchanging(workshop: Workshop) -> Workshop:
    """A resource whose server takes exchanges, and has no job."""
    workshop.server.exchange = 1
    return workshop


def hold(daemon: Daemon) -> float | None:
    """One exchange that the server may hold, and the pause after it."""
    return daemon.held_exchanges.hold("LGI", URL, 5)


def test_a_held_exchange_brings_a_job(exchanging: Workshop) -> None:
    """It runs at the next tick, which is woken."""
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    woken: list[bool] = []
    daemon.set_callbacks(lambda: False, lambda: woken.append(True))
    exchanging.server.submit("1")

    pause = hold(daemon)
    exchanging.tick(daemon)

    assert (pause, woken[0]) == (DELAY, True)
    until(lambda: "run" in exchanging.acts())


def test_a_held_exchange_reports_nothing(exchanging: Workshop) -> None:
    """A server holds none with reports, and the job that has ended must not wait."""
    exchanging.server.submit("1")
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    exchanging.marked(only(daemon), "is_finished")
    exchanging.server.fail("exchange")
    exchanging.tick(daemon, 1.0)

    exchanging.now += FAST
    daemon.clock.now = exchanging.now
    hold(daemon)

    assert [one.reports for one in exchanging.server.exchanges[1:]] == [()]
    assert [one.job_id for one in exchanging.server.exchanges[-1].holds] == ["1"]


def test_an_abort_is_heard_by_a_held_exchange(exchanging: Workshop) -> None:
    """Without a poll."""
    exchanging.server.submit("1")
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    exchanging.marked(only(daemon), "is_running")
    exchanging.server.change("1", state="aborting")

    hold(daemon)
    exchanging.tick(daemon, 1.0)

    assert exchanging.server.jobs["1"].state == "aborted"


def test_an_early_answer_without_news_is_followed_by_a_pause(exchanging: Workshop) -> None:
    """A server that holds nothing is not asked without end."""
    daemon = exchanging.daemon()
    exchanging.tick(daemon)

    assert hold(daemon) == EARLY_DELAY


def test_a_full_resource_waits_a_moment_before_it_is_held(exchanging: Workshop) -> None:
    """A job that ends soon makes room, and is reported by an exchange that asks for the next."""
    exchanging.rules = LimitRules({"any": 1}, (), 1)
    exchanging.server.submit("1")
    daemon = exchanging.daemon()
    exchanging.tick(daemon)
    made = len(exchanging.server.exchanges)

    assert 0 < (hold(daemon) or 0) <= CALM_SECONDS
    assert len(exchanging.server.exchanges) == made


def test_a_server_without_exchanges_is_not_held(workshop: Workshop) -> None:
    """It gets the long poll for jobs."""
    daemon = workshop.daemon()
    workshop.tick(daemon)

    assert hold(daemon) is None
    assert workshop.server.made("exchange") == []


class MeanwhileServer(FakeServer):
    """A server at which something happens while it holds an exchange."""

    meanwhile: Callable[[], None] | None = None

    def handle(self, call: str, answer: Callable[[], Any]) -> Any:
        """Run what happens, once, and fail as a connection does that is shut down."""
        if call == "exchange" and self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            happens()
            raise TransportError(self.url, "the call was ended by its caller")
        return super().handle(call, answer)


def test_a_held_exchange_that_lacks_room_is_cut_off_without_harm(workshop: Workshop) -> None:
    """The server is not left alone for it, and gets a new one with the room there is."""
    workshop.servers[URL] = server = MeanwhileServer(exchange=1)
    daemon = workshop.daemon()
    workshop.tick(daemon)
    server.meanwhile = lambda: daemon.held_exchanges.require("LGI", URL, {"another": ""})

    pause = hold(daemon)

    assert pause == DELAY
    assert daemon.servers.open(URL)
    assert server.made("sign_up") == ["sign_up"]


def test_a_held_exchange_that_asks_for_jobs_ends_when_the_disk_is_full(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that it brings could not be stored. The server is not left alone for it."""
    workshop.servers[URL] = server = MeanwhileServer(exchange=1)
    daemon = workshop.daemon()
    workshop.tick(daemon)

    def meanwhile() -> None:
        monkeypatch.setattr(DiskSpace, "is_short", lambda _disk: True)
        daemon.held_exchanges.tick()

    server.meanwhile = meanwhile
    pause = hold(daemon)

    assert pause == DELAY
    assert daemon.servers.open(URL)


def test_a_held_exchange_that_fails_leaves_the_server_alone(workshop: Workshop) -> None:
    """A sign-up comes before the next."""
    workshop.servers[URL] = server = MeanwhileServer(exchange=1)
    daemon = workshop.daemon()
    workshop.tick(daemon)
    server.meanwhile = lambda: daemon.held_exchanges.require("LGI", URL, {})

    with pytest.raises(TransportError):
        hold(daemon)

    assert not daemon.servers.open(URL)
    workshop.tick(daemon, FAST)
    hold(daemon)
    assert server.made("sign_up") == ["sign_up"] * 2


def test_a_held_exchange_that_was_made_up_before_a_change_of_the_configuration_is_cut_off(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cycles leave it to the held one to ask for jobs: which asks for those of before."""
    workshop.servers[URL] = server = MeanwhileServer(exchange=1)
    daemon = workshop.daemon()
    workshop.tick(daemon)
    make_up = Exchanger.make_up

    def made_up_before(*args: Any, **kwargs: Any) -> OutgoingExchange:
        outgoing = make_up(*args, **kwargs)
        daemon.reconfigure(workshop.configuration)
        return outgoing

    monkeypatch.setattr(Exchanger, "make_up", made_up_before)
    server.meanwhile = lambda: None

    assert hold(daemon) == DELAY
