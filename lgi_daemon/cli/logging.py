"""The daemon's log: one line per event, for an administrator and for grep. It never holds keys or inputs."""

import logging
import sys
import time
from pathlib import Path
from typing import IO

from lgi_daemon.config.log_levels import NAMES

log = logging.getLogger(__name__)


class LineFormatter(logging.Formatter):
    """``2026-11-21T03:52:14+0000 NORMAL job 7 LGI/hello_world 1A2B3C4D: accepted from ...``

    Control characters become question marks: text of others cannot forge a line.
    """

    def __init__(self) -> None:
        """Times are local, with their distance to UTC."""
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """One line, and a traceback after it if there is one."""
        when = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(record.created))
        level = NAMES.get(record.levelno, record.levelname)
        lines = [f"{when} {level} {_one_line(record.getMessage())}"]
        if record.exc_info:
            # It ends in the words of an error, which may be a server's and hold line ends: none of its
            # lines begins as those of the log do.
            lines += [f"| {_one_line(line)}" for line in self.formatException(record.exc_info).split("\n")]
        return "\n".join(lines)


def _one_line(text: str) -> str:
    """A text without control characters, line ends of any kind and characters that turn writing around."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _told_once(handler: logging.Handler) -> logging.Handler:
    """The handler, which says once that it cannot write, and not in a traceback: the daemon goes on."""
    told: list[BaseException] = []

    def tell(record: logging.LogRecord) -> None:
        failure = sys.exc_info()[1]
        if failure and not told:
            told.append(failure)
            print(f"LGI_daemon: the log cannot be written, the daemon goes on: {failure}", file=sys.stderr)

    handler.handleError = tell  # type: ignore[method-assign]
    return handler


class DaemonLog:
    """Where the log goes: a file, which can be opened anew after it was moved, or a stream."""

    def __init__(self, file: Path | None, level: int, stream: IO[str]) -> None:
        """OSError when the file cannot be written."""
        self._handler = (
            logging.FileHandler(file.absolute(), encoding="utf-8") if file else logging.StreamHandler(stream)
        )
        _told_once(self._handler).setFormatter(LineFormatter())
        logger = logging.getLogger("lgi_daemon")
        logger.setLevel(level)
        logger.propagate = False
        logger.handlers = [self._handler]

    def reopen(self) -> None:
        """Go on in a new file when the old one was moved away, else in the old one."""
        if not isinstance(self._handler, logging.FileHandler):
            return
        try:
            opened = open(self._handler.baseFilename, "a", encoding="utf-8")  # noqa: SIM115 - the handler's
        except OSError as error:
            log.critical("the log goes on in the old file: %s", error)
            return
        old = self._handler.setStream(opened)
        if old is not None:
            old.close()
