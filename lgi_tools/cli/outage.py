"""How commands that wait for a job treat a server that does not answer when they start."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_tools.cli import terminal
from lgi_tools.client import job_end

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.polling import Outage
    from lgi_tools.client.project import Project

_Answer = TypeVar("_Answer")


class UnknownJobError(click.ClickException):
    """Nothing is known of a job, because the server does not answer or does not accept the user."""

    exit_code = job_end.OUTAGE


@contextmanager
def unknown_without_answer() -> Iterator[None]:
    """Turn errors that say nothing of a job into UnknownJobError, but for OutageError.

    Exit code 1 would say that the job was aborted.
    """
    from lgi_tools.client.polling import OutageError

    try:
        yield
    except OutageError:
        raise
    except TransportError as error:
        raise UnknownJobError(f"no answer from {error.server}: {error.reason}") from error
    except ServerError as error:
        if error.number in {ErrorNumber.NO_JOB, ErrorNumber.READ_REFUSED}:
            raise
        raise UnknownJobError(str(error)) from error


def warning(program: str, project: "Project") -> "Callable[[Outage], None]":
    """Return the function that `poll_until` calls for a server that does not answer at first."""

    def warn(error: "Outage") -> None:
        reason = error.reason if isinstance(error, TransportError) else str(error)
        minutes = project.timing.outage_seconds / 60
        time = "ten minutes" if minutes == 10 else f"{minutes:g} minutes"
        terminal.warn(program, f"no answer from {project.server}: {reason}; trying for {time}")

    return warn


def persist(
    program: str, project: "Project", call: Callable[[], _Answer], timeout: float | None = None
) -> _Answer:
    """Return what the first call of a command returns, which is repeated while the server is down.

    Raises OutageError after ten minutes, TimeoutError after ``timeout`` seconds.
    """
    from lgi_tools.client.polling import poll_until

    return poll_until(
        lambda _held: call(),
        lambda _answer: True,
        timeout,
        on_outage=warning(program, project),
        timing=project.timing,
    )
