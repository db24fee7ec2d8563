"""How the commands that are built on `Project` open one, and say what went wrong."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click

from lgi_protocol.errors import ServerError
from lgi_protocol.transport_errors import TransportError
from lgi_tools.cli import options
from lgi_tools.cli.options import Options
from lgi_tools.cli.terminal import one_line
from lgi_tools.client.project import Project
from lgi_tools.client.repository import TransferError

_log = logging.getLogger(__name__)


@contextmanager
def open_project(given: Options, program: str) -> Iterator[Project]:
    """The project of a command's options. What a server or transfer refuses ends it in plain words."""
    chosen = options.resolve(given)
    options.require(chosen, program, "server", "user", "groups")
    with translate_errors(), Project.of(chosen) as project:
        yield project


@contextmanager
def translate_errors() -> Iterator[None]:
    """What a server or transfer refuses ends a command in plain words."""
    try:
        yield
    except (ServerError, TransferError) as error:
        raise click.ClickException(str(error)) from error
    except TransportError as error:
        if error.said:
            _log.info("the server answered: %s", one_line(error.said))
        raise click.ClickException(f"no answer from {error.server}: {error.reason}") from error
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def job_ids(words: tuple[str, ...]) -> tuple[int, ...]:
    """Each job once, in the order given. UsageError for a word that is no number."""
    for word in words:
        if not (word.isascii() and word.isdigit() and len(word) < 10):
            raise click.UsageError(f"{word!r} is not a job id: it must be a number")
    return tuple(dict.fromkeys(int(word) for word in words))
