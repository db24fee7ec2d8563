"""The server reports other daemons with the same certificate to a daemon."""

import logging

import pytest

from lgi_daemon.rundir import daemon_number
from tests.support.workshop import SLOW, Workshop


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the beginnings of what was logged."""
    texts = [one.getMessage() for one in caplog.records if one.levelno >= logging.INFO]
    return [text.split(": ", 1)[1][:40] for text in texts]


def test_a_daemon_has_the_number_of_its_run_directory(workshop: Workshop) -> None:
    """The next one on it is the same to the server; one on another directory is not."""
    workshop.tick(workshop.daemon())
    first = set(workshop.server.daemons)

    (workshop.place / "other").mkdir()

    assert first == {daemon_number.stored(workshop.run_path)}
    assert daemon_number.make(workshop.run_path) in first
    assert daemon_number.make(workshop.place / "other") not in first


@pytest.mark.parametrize("text", ["", "short", "g" * 32, "é" * 40])
def test_a_damaged_number_is_replaced(workshop: Workshop, text: str) -> None:
    """A server may refuse anything else."""
    (workshop.run_path / daemon_number.NAME).write_text(text)

    made = daemon_number.make(workshop.run_path)

    assert len(made) == 32
    assert daemon_number.stored(workshop.run_path) == made


def test_other_daemons_are_logged_once_and_again_when_that_changes(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """Two that were copied with their certificate took turns in what the resource offers, unseen."""
    daemon = workshop.daemon()
    logging.getLogger("lgi_daemon").propagate = True

    with caplog.at_level(logging.INFO, "lgi_daemon.servers.sessions"):
        for number in (0, 1, 1, 2, 0, 0):
            workshop.server.other_daemons = number
            workshop.tick(daemon, SLOW)

    assert told(caplog) == [
        "1 other daemons use the certificate of t",
        "2 other daemons use the certificate of t",
        "no other daemon uses the certificate of ",
    ]


def test_a_number_that_a_worker_of_the_server_remembers_does_not_end_the_warning(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """A sign-up is answered by what is stored, an exchange by what its worker counted up to a minute ago."""
    daemon, server = workshop.daemon(), workshop.server.url
    logging.getLogger("lgi_daemon").propagate = True

    with caplog.at_level(logging.INFO, "lgi_daemon.servers.sessions"):
        for seconds, number in [(1, 1), (1, 0), (58, 0), (1, 1), (50, 0)]:
            workshop.tick(daemon, seconds)
            daemon.sessions.log_others("LGI", server, number)
        before = told(caplog)
        workshop.tick(daemon, 100)
        daemon.sessions.log_others("LGI", server, 0)

    assert [text[:15] for text in before] == ["1 other daemons"]
    assert [text[:15] for text in told(caplog)] == ["1 other daemons", "no other daemon"]
