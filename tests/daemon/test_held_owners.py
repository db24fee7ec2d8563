"""A held exchange leaves out owners who have as many jobs as they may: until one of these jobs has ended."""

import pytest

from lgi_daemon.claiming.limits import covers
from lgi_daemon.config.rules import LimitRules
from lgi_daemon.loop.held_exchanges import DELAY
from lgi_protocol.errors import TransportError
from tests.support.fake_server import URL
from tests.support.workshop import Workshop, only, until

from .test_exchanges import finish
from .test_held_exchanges import MeanwhileServer, hold


def pause_after_end_of_owner(workshop: Workshop, server: MeanwhileServer, limit: int) -> object:
    """What follows a held exchange during which an owner's job has ended, with so many allowed to each."""
    workshop.rules = LimitRules({"any": limit}, (), 3)
    workshop.servers[URL] = server
    server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    until(lambda: not only(daemon).is_alive())

    def meanwhile() -> None:
        finish(workshop, daemon)
        workshop.tick(daemon, 1.0)

    server.meanwhile = meanwhile
    try:
        return hold(daemon)
    except TransportError as error:
        return type(error)


def test_a_held_exchange_that_excludes_an_owner_is_made_anew_when_a_job_of_the_owner_has_ended(
    workshop: Workshop,
) -> None:
    """The next job of this owner would wait for its end beside a free slot."""
    assert pause_after_end_of_owner(workshop, MeanwhileServer(exchange=1), 1) == DELAY


def test_a_held_exchange_that_excludes_nobody_is_kept_when_a_job_has_ended(workshop: Workshop) -> None:
    """It asks for jobs of this owner too."""
    assert pause_after_end_of_owner(workshop, MeanwhileServer(exchange=1), 2) is TransportError


@pytest.mark.parametrize(
    ("known", "wanted", "is_covered"),
    [
        ("", "", True),
        ("", "anna, !mark", True),
        ("!mark", "", False),
        ("!mark", "anna", False),
        ("!mark", "anna, !mark", True),
        ("anna, mark", "mark", True),
        ("anna, mark", "", False),
        ("anna, mark", "!mark", False),
        ("anna", "anna, mark", False),
    ],
)
def test_a_filter_covers_another_that_asks_for_nobody_whom_it_leaves_out(
    known: str, wanted: str, is_covered: bool
) -> None:
    """A job may have several owners, so that a filter without an exclusion asks for more."""
    assert covers(known, wanted) is is_covered


def test_a_held_exchange_that_excludes_an_owner_is_made_anew_when_a_job_of_the_owner_was_given_up(
    workshop: Workshop,
) -> None:
    """No report frees the slot of a job that the server has given to another daemon."""
    workshop.rules = LimitRules({"any": 1}, (), 3)
    workshop.servers[URL] = server = MeanwhileServer(exchange=1)
    server.submit("1")
    daemon = workshop.daemon()
    workshop.tick(daemon)
    until(lambda: not only(daemon).is_alive())

    def meanwhile() -> None:
        only(daemon).disown("another daemon has claimed it")
        for _tick in range(3):
            workshop.tick(daemon, 1.0)

    server.meanwhile = meanwhile
    assert hold(daemon) == DELAY
    assert not len(daemon.jobs)
