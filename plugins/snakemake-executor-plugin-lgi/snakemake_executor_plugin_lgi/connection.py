"""Calls of the project, whose errors Snakemake shows in words, and an outage of the server."""

import time
from collections.abc import Callable
from typing import TypeVar

from snakemake_interface_common.exceptions import WorkflowError

from lgi_tools import Project, ServerError, TransportError
from lgi_tools.client import settings
from snakemake_executor_plugin_lgi.settings import ExecutorSettings

_Answer = TypeVar("_Answer")
# Seconds for which a server may be away while jobs are submitted, and between two calls meanwhile.
OUTAGE, PAUSE = 600.0, 5.0
_AGAIN = "Jobs that were submitted continue; the same command of snakemake finds them again."


def opened(chosen: ExecutorSettings) -> Project:
    """Return the project of the options and of ``~/.LGI``. Raises WorkflowError when it is not known."""
    try:
        return Project(chosen.server, chosen.project)
    except (settings.SettingsError, ValueError, OSError) as error:
        raise WorkflowError(f"LGI: {error}") from None


def answer_of(call: Callable[[], _Answer]) -> _Answer:
    """Return the answer of a call. Raises WorkflowError in words for any error of it."""
    try:
        return call()
    except ServerError as error:
        raise refused(error) from None
    except TransportError as error:
        raise WorkflowError(f"LGI: the project server does not answer: {error}. {_AGAIN}") from None


def refused(error: ServerError) -> WorkflowError:
    """Return the error of a server that refuses its caller, as for a token that has expired."""
    return WorkflowError(f"LGI: the project server refuses: {error}. {_AGAIN}")


def persistent(call: Callable[[], _Answer], warn: Callable[[str], object]) -> _Answer:
    """Return the answer of a call that may be repeated, also through an outage of ten minutes."""
    end = time.monotonic() + OUTAGE
    while True:
        try:
            return call()
        except TransportError as error:
            if time.monotonic() > end:
                return answer_of(call)
            warn(f"LGI: the project server does not answer, I try again: {error}")
            time.sleep(PAUSE)
        except ServerError as error:
            raise refused(error) from None
