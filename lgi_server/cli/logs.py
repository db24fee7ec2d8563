"""The log of a server or scheduler: standard error, or a file that may be moved away while it is in use."""

import logging
import signal
import time
from logging.handlers import WatchedFileHandler
from pathlib import Path

FORM = "%(asctime)sZ %(levelname)s %(name)s %(message)s"


def start(file: Path | None) -> None:
    """Log lines of level INFO with times in UTC; OSError for a file that cannot be written.

    Each line goes to the file of that name: after the file was moved, as by logrotate, to a new one.
    """
    logging.Formatter.converter = time.gmtime
    handlers = [WatchedFileHandler(file, encoding="utf-8")] if file else None
    # force: what is logged before the configuration is read goes to standard error.
    logging.basicConfig(level=logging.INFO, format=FORM, handlers=handlers, force=True)


def ignore_rotation() -> None:
    """Ignore the signals with which other programs are told to open their log again."""
    for number in (signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
