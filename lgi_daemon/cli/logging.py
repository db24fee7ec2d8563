"""The daemon's log: one line per event, for administrators and for grep. It contains no keys or inputs."""

import logging
import sys
import time
from pathlib import Path
from typing import IO

from lgi_daemon.config.log_levels import NAMES

log = logging.getLogger(__name__)


class LineFormatter(logging.Formatter):
    """Formats ``2026-11-21T03:52:14+0000 NORMAL job 7 LGI/hello_world 1A2B3C4D: accepted from ...``.

    Control characters become question marks, so that received text cannot forge a line.
    """

    def __init__(self) -> None:
        """Use local times with their offset from UTC."""
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, followed by the traceback if there is one."""
        when = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(record.created))
        level = NAMES.get(record.levelno, record.levelname)
        lines = [f"{when} {level} {_one_line(record.getMessage())}"]
        if record.exc_info:
            # It ends with an error message, which may come from a server and contain line ends: none of its
            # lines may look like a line of the log.
            lines += [f"| {_one_line(line)}" for line in self.formatException(record.exc_info).split("\n")]
        return "\n".join(lines)


def _one_line(text: str) -> str:
    """Replace control characters, line ends of any kind and characters that change the text direction."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "?" for char in text)


def _report_once(handler: logging.Handler) -> logging.Handler:
    """Let a handler report once, without traceback, that it cannot write, and return it."""
    reported: list[BaseException] = []

    def report(record: logging.LogRecord) -> None:
        failure = sys.exc_info()[1]
        if failure and not reported:
            reported.append(failure)
            print(f"LGI_daemon: cannot write the log, the daemon continues: {failure}", file=sys.stderr)

    handler.handleError = report  # type: ignore[method-assign]
    return handler


class DaemonLog:
    """The destination of the log: a file, which can be reopened after it was moved, or a stream."""

    def __init__(self, file: Path | None, level: int, stream: IO[str]) -> None:
        """Open the log. Raise OSError when the file cannot be written."""
        self._handler = (
            logging.FileHandler(file.absolute(), encoding="utf-8") if file else logging.StreamHandler(stream)
        )
        _report_once(self._handler).setFormatter(LineFormatter())
        logger = logging.getLogger("lgi_daemon")
        logger.setLevel(level)
        logger.propagate = False
        logger.handlers = [self._handler]

    def reopen(self) -> None:
        """Continue in a new file when the old one was moved away, else in the old one."""
        if not isinstance(self._handler, logging.FileHandler):
            return
        try:
            opened = open(self._handler.baseFilename, "a", encoding="utf-8")  # noqa: SIM115 - the handler's
        except OSError as error:
            log.critical("cannot reopen the log, continuing in the old file: %s", error)
            return
        old = self._handler.setStream(opened)
        if old is not None:
            old.close()
