"""A held exchange and that of a worker at the same time: neither brings a job that the other brings."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from lgi_daemon.claiming.limits import restricted_filter
from lgi_daemon.claiming.vacancies import Vacancies
from lgi_daemon.config.rules import LimitRules
from lgi_daemon.loop.daemon import Daemon
from lgi_daemon.loop.lost_answers import GRACE_SECONDS
from lgi_protocol.errors import TransportError
from lgi_protocol.exchange import Exchange, Want
from tests.support.fake_server import URL, FakeServer
from tests.support.workshop import Workshop, only, until

from .test_exchanges import finish
from .test_held_exchanges import hold

SLOTS = 3


class WaitingServer(FakeServer):
    """A server at which something happens while an exchange waits for its answer."""

    meanwhile: Callable[[], None] | None = None

    def handle(self, call: str, answer: Callable[[], Any]) -> Any:
        """Let it happen, once, before the answer is made."""
        if call == "exchange" and self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            happens()
        return super().handle(call, answer)


@pytest.fixture
def server(workshop: Workshop) -> WaitingServer:
    """The server of the workshop, which takes exchanges and has one job; there are three slots."""
    workshop.rules = LimitRules({"any": SLOTS}, (), SLOTS)
    made = WaitingServer(exchange=1)
    workshop.servers[URL] = made
    made.submit("1")
    return made


@pytest.fixture
def daemon(workshop: Workshop, server: WaitingServer) -> Daemon:
    """A daemon whose first job has ended, and is to be reported by the next tick."""
    made = workshop.daemon()
    made.work_cycle.due_at, made.clock.now = 1e9, workshop.now
    made.fetcher.sessions.pool().session("LGI", URL)
    hold(made)
    workshop.tick(made)
    until(lambda: not any(job.is_alive() for job in made.jobs))
    finish(workshop, made)
    server.exchanges.clear()
    return made


def posted(exchange: Exchange) -> set[str]:
    """The references of an exchange."""
    return {one.daemon_reference for one in exchange.references}


def asked(exchanges: Sequence[Exchange]) -> list[int]:
    """How many jobs each of them wants."""
    return [sum(want.count for want in one.wants) for one in exchanges]


def test_exchanges_at_the_same_time_bring_each_job_once(
    workshop: Workshop, server: WaitingServer, daemon: Daemon
) -> None:
    """The report fills the slot that it frees, the held exchange those that were free before."""

    def meanwhile() -> None:
        for number in "2345":
            server.submit(number)
        workshop.tick(daemon, 1.0)

    server.meanwhile = meanwhile
    hold(daemon)

    report, held = server.exchanges
    assert not posted(report) & posted(held)
    assert (len(report.reports), asked((report, held))) == (1, [1, SLOTS - 1])
    assert [server.jobs[number].state for number in "12345"] == ["finished", *["running"] * SLOTS, "queued"]
    assert sorted(job.record.job_id for job in daemon.jobs) == ["2", "3", "4"]
    assert server.returned == []


def test_a_lost_answer_is_asked_for_again_by_the_next_exchange(
    workshop: Workshop, server: WaitingServer, daemon: Daemon
) -> None:
    """The same references bring the same job, once; the exchange that was beside it does not ask for it."""

    def meanwhile() -> None:
        workshop.tick(daemon, 1.0)
        server.submit("2")
        server.fail("exchange", after=True)

    server.meanwhile = meanwhile
    with pytest.raises(TransportError):
        hold(daemon)
    lost = posted(server.exchanges[-1])
    running = len(daemon.jobs)

    workshop.tick(daemon, 60.0)
    workshop.tick(daemon, GRACE_SECONDS)

    assert running == 0
    assert not posted(server.exchanges[0]) & lost
    assert lost <= posted(server.exchanges[2])
    assert [job_id for job_id, _reference in server.given] == ["1", "2"]
    assert only(daemon).record.job_id == "2"


def test_a_daemon_that_is_killed_asks_for_the_references_of_both_exchanges(
    workshop: Workshop, server: WaitingServer, daemon: Daemon
) -> None:
    """They are on its disk, whichever of the two had them."""

    def meanwhile() -> None:
        workshop.tick(daemon, 1.0)
        server.submit("2")
        server.fail("exchange", after=True)

    server.meanwhile = meanwhile
    with pytest.raises(TransportError):
        hold(daemon)
    both = {*posted(server.exchanges[0]), *posted(server.exchanges[1])}

    following = workshop.restart(daemon)
    workshop.tick(following, 60.0)

    assert both <= posted(server.exchanges[2])
    assert only(following).record.job_id == "2"


def test_an_exchange_without_slots_of_its_own_asks_for_no_job(
    workshop: Workshop, server: WaitingServer, daemon: Daemon
) -> None:
    """Those that are free are asked for already, until that exchange is over."""
    exchanger = daemon.exchanges.exchanger
    announcement = daemon.sessions.exchange_servers.announcement("LGI", URL)
    assert announcement is not None
    calls = daemon.servers.connect("LGI", URL)

    with ExitStack() as until_end:
        first = exchanger.make_up(announcement, calls, until_end, is_held=True)
        second = exchanger.make_up(announcement, calls, until_end, is_held=True)
    third = exchanger.make_up(announcement, calls, ExitStack(), is_held=True)

    assert asked([one.message() for one in (first, second, third)]) == [2, 0, 2]
    assert second.names == ()
    assert third.names == first.names


def test_an_owner_is_given_no_more_jobs_than_a_limit_allows_by_exchanges_at_the_same_time(
    workshop: Workshop, server: WaitingServer
) -> None:
    """Five slots and three jobs of each owner: the second exchange asks for none, though slots are free."""
    workshop.rules = LimitRules({"any": SLOTS}, (), 5)
    daemon = workshop.daemon()
    for number in "23456":
        server.submit(number)

    def meanwhile() -> None:
        daemon.exchanges.run("LGI", URL, seeks_jobs=True)

    server.meanwhile = meanwhile
    daemon.fetcher.sessions.pool().session("LGI", URL)
    hold(daemon)

    assert asked(server.exchanges) == [SLOTS]
    assert sorted(job.record.job_id for job in daemon.jobs) == ["1", "2", "3"]
    assert server.returned == []


def test_a_report_asks_for_a_job_of_its_owner_beside_an_exchange_that_is_for_others(
    workshop: Workshop, server: WaitingServer, daemon: Daemon
) -> None:
    """The held exchange was made up when the owner had as many jobs as allowed: it leaves them out."""
    workshop.rules = LimitRules({"any": 1}, (), SLOTS)
    daemon.reconfigure(workshop.configuration)

    def meanwhile() -> None:
        server.submit("2")
        server.submit("3", owners=("anna",))
        workshop.tick(daemon, 1.0)

    server.meanwhile = meanwhile
    hold(daemon)

    wants = [want.owners for one in server.exchanges for want in one.wants]
    assert wants == ["mark@laptop", "!mark@laptop"]
    assert sorted(job.record.job_id for job in daemon.jobs) == ["2", "3"]
    assert server.returned == []


_MINE, _OTHERS = ("anna",), ("mark", "theor")


@pytest.mark.parametrize(
    ("reserved", "leaving", "number", "owners"),
    [
        (0, [], 3, ""),
        (1, [_MINE], 2, ""),
        (3, [], 0, ""),
        (3, [_MINE], 1, "anna"),
        (3, [_MINE, _OTHERS], 2, "anna, mark, theor"),
        (4, [_MINE, _OTHERS], 1, "anna, mark, theor"),
        (5, [_MINE], 0, ""),
    ],
)
def test_room_that_others_ask_for_is_left_out(
    reserved: int, leaving: list[tuple[str, ...]], number: int, owners: str
) -> None:
    """Of five slots an owner may have three: more are asked for only for owners of jobs that have ended."""
    left = Vacancies((Want("hello_world", 3, ""),), 3, slots=5).beside(reserved, leaving)

    assert left.number == number
    assert [(one.count, one.owners) for one in left.wants] == [(number, owners)] * (number > 0)


@pytest.mark.parametrize(
    ("known", "owners", "restricted"),
    [
        ("", ["b", "a"], "a, b"),
        ("!a, !c", ["b", "a"], "b, !a, !c"),
        ("a, b", ["b", "c"], "b"),
        ("a, b", ["c"], ""),
        ("!a", ["a"], ""),
        ("", ["a" * 255], ""),
    ],
)
def test_a_filter_is_restricted_to_owners_that_it_has(known: str, owners: list[str], restricted: str) -> None:
    """Without any, and when it would be too long for a server, there is none."""
    assert restricted_filter(known, owners) == restricted
