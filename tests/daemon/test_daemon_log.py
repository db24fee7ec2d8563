"""The log has one line per event, and received text cannot forge a line."""

import errno
import io
import logging
import re

import pytest

from lgi_daemon.cli.logging import DaemonLog
from lgi_daemon.config.log_levels import LEVELS, VERBOSE

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} (CRITICAL|NORMAL) ")
FORGED = "2026-11-21T03:52:14+0000 NORMAL job 7 LGI/hello_world 1A2B3C4D: accepted from https://evil/LGI"
TRICKS = ["\n", "\r", "\r\n", "\x0b", "\x85", "\u2028", "\u2029", "\x1b[2K", "\u202e", "\u200b", "\x00"]


@pytest.fixture
def written() -> io.StringIO:
    """What the daemon's log has written."""
    stream = io.StringIO()
    DaemonLog(None, logging.INFO, stream)
    return stream


@pytest.mark.parametrize("trick", TRICKS)
def test_a_message_stays_one_line(written: io.StringIO, trick: str) -> None:
    """Received text, as a server's refusal, cannot start a line or change the direction of one."""
    logging.getLogger("lgi_daemon.x").info("refused: %s", f"no{trick}{FORGED}")

    (line,) = written.getvalue().splitlines()
    assert LINE.match(line)
    assert line.isprintable()


@pytest.mark.parametrize("trick", TRICKS)
def test_a_traceback_forges_no_line(written: io.StringIO, trick: str) -> None:
    """Its last lines are the words of an error, and those may be a server's."""
    try:
        raise ValueError(f"no{trick}{FORGED}")
    except ValueError:
        logging.getLogger("lgi_daemon.x").critical("a mistake", exc_info=True)

    first, *others = written.getvalue().splitlines()
    assert LINE.match(first)
    assert first.endswith("a mistake")
    assert len(others) >= 4
    assert all(line.startswith("| ") and line.isprintable() for line in others)
    assert any("ValueError: no" in line for line in others)


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        ("q", ["CRITICAL"]),
        ("n", ["CRITICAL", "WARNING", "NORMAL"]),
        ("v", ["CRITICAL", "WARNING", "NORMAL", "DEBUG"]),
        ("vv", ["CRITICAL", "WARNING", "NORMAL", "DEBUG", "VERBOSE DEBUG"]),
    ],
)
def test_each_level_shows_what_it_promises(option: str, shown: list[str]) -> None:
    """-q logs critical lines only, -n (the default) events, -v and -vv more and more details."""
    stream = io.StringIO()
    DaemonLog(None, LEVELS[option], stream)
    logger = logging.getLogger("lgi_daemon.x")

    for level in (logging.CRITICAL, logging.WARNING, logging.INFO, logging.DEBUG, VERBOSE):
        logger.log(level, "message")

    levels = [line.split(" ", 1)[1].removesuffix(" message") for line in stream.getvalue().splitlines()]
    assert levels == shown


class Full(io.StringIO):
    """A disk without space."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_log_that_cannot_be_written_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """It is said once, in a line, on standard error."""
    DaemonLog(None, logging.INFO, Full())
    for number in range(3):
        logging.getLogger("lgi_daemon.x").info("message %d", number)

    error = capsys.readouterr().err
    assert error.startswith("LGI_daemon: cannot write the log, the daemon continues: ")
    assert error.count("\n") == 1
