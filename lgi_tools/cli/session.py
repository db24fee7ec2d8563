"""How commands open a connection to a project server, and how they report its errors.

There is one way to open it and one translation of errors. Only the wording differs: commands of LGI's own
documents report on standard output, in LGI's words, which existing scripts look for.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_tools.cli import options
from lgi_tools.cli.options import Options
from lgi_tools.cli.program import CallError
from lgi_tools.client.settings import Settings
from lgi_tools.client.text import one_line
from lgi_tools.client.timing import DEFAULT, Timing

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    import logging

    from lgi_protocol.client import Client
    from lgi_protocol.reply import Reply
    from lgi_tools.client.job import Job
    from lgi_tools.client.progress import ProgressCallback
    from lgi_tools.client.project import Project

# By the number of an error: what the user can do.
_ADVICE: Mapping[int, str] = {
    ErrorNumber.APPLICATION_UNKNOWN: "LGI_qstat -L lists the applications that resources offer"
}


def _log() -> "logging.Logger":
    import logging

    return logging.getLogger(__name__)


@contextmanager
def translate_errors(lgi_server: str = "") -> Iterator[None]:
    """Translate ServerError, TransferError, TransportError and ValueError into errors of a command.

    With ``lgi_server``, the URL of the server, the first and third become a CallError in LGI's words.
    All others become a ClickException.
    """
    from lgi_tools.client.transfer_error import TransferError

    try:
        yield
    except TransportError as error:
        if error.excerpt:
            _log().info("the server answered: %s", one_line(error.excerpt))
        if lgi_server:
            raise _no_answer(lgi_server, error) from error
        raise click.ClickException(f"no answer from {error.server}: {error.reason}") from error
    except ServerError as error:
        if lgi_server:
            raise refused(lgi_server, error) from error
        advice = _ADVICE.get(error.number)
        raise click.ClickException(f"{error}: {advice}" if advice else str(error)) from error
    except TransferError as error:
        raise click.ClickException(str(error)) from error
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def refused(server: str, error: ServerError) -> CallError:
    """Return a refusal of the server in LGI's words."""
    from lgi_protocol import xml

    parts = [xml.Element("number", error.number), xml.Element("message", error.message)]
    if error.back_off:
        parts.append(xml.Element("timeout", error.timeout))
    # As LGI: also with the blank before the colon.
    text = f"Error message returned by server {server} : {error.message}"
    failure = CallError(text, xml.write(xml.Element("error", tuple(parts))))
    failure.advice = _ADVICE.get(error.number, "")
    return failure


def _no_answer(server: str, error: TransportError) -> CallError:
    failure = CallError(f"Error posting to server {server}: {error.reason}")
    if error.excerpt:
        failure.advice = f"is {server} the address of a project server? --verbose shows what it answered"
    return failure


def require_elements(server: str, reply: "Reply", *names: str) -> None:
    """Raise CallError when an answer has none of these elements, as of another version or no LGI server."""
    from lgi_protocol import xml

    if all(xml.find(reply.content, name) is None for name in names):
        version = xml.value(reply.envelope, "LGI_version") or "an unknown version"
        _log().info("the server answered: %s", one_line(reply.content))
        raise CallError(f"Error posting to server {server}: LGI {version} answered without <{names[0]}>")


def timing() -> Timing:
    """Return the times with which `program.run` was called."""
    context = click.get_current_context(silent=True)
    return (context and context.find_object(Timing)) or DEFAULT


def connect(chosen: Settings) -> "Client":
    """Return a client with the settings' credentials. Raises ClickException naming an unusable file."""
    from lgi_protocol.client import Client

    with translate_errors():
        return Client(chosen.server, chosen.credentials(), direct=True)


@contextmanager
def open_project(given: Options, program: str) -> "Iterator[Project]":
    """Open the project that the options of a command name, and translate the errors of its calls."""
    from lgi_tools.client.project import Project

    chosen = options.resolve(given)
    options.require(chosen, program, "server", "user", "groups")
    with translate_errors(), Project.of(chosen, timing()) as project:
        yield project


class UserCalls:
    """Interface calls as the user of the settings. A busy server is retried for one minute."""

    def __init__(self, chosen: Settings) -> None:
        """Use the settings; the first call opens the connection, and later calls reuse it."""
        from lgi_tools.client.interface_calls import Caller

        self._client = connect(chosen)
        self._caller = Caller(self._client, chosen, timing())

    @property
    def server(self) -> str:
        """The URL of the project server."""
        return self._client.server

    def call(self, name: str, fields: dict[str, str] | None = None, *expected: str) -> "Reply":
        """Make one call of ``interfaces/interface_<name>``.

        Raises CallError, also for an answer that has none of the ``expected`` elements.
        """
        with translate_errors(self._client.server):
            reply = self._caller.call(name, fields or {})
        require_elements(self._client.server, reply, *(expected or ("project",)))
        return reply

    def attempt(self, name: str, fields: Mapping[str, str]) -> "Reply":
        """Make one call as `call` does. Raises ServerError, TransportError."""
        return self._caller.call(name, fields)

    def submit(
        self, fields: dict[str, str], files: tuple[Path, ...] = (), watch: "ProgressCallback | None" = None
    ) -> "Reply":
        """Submit one job, exactly one also when an answer is lost. Raises CallError, OSError for a file."""
        from lgi_tools.client.interface_calls import SUBMIT

        with translate_errors(self._client.server):
            reply = self._caller.call(SUBMIT, fields, files, watch)
        require_elements(self._client.server, reply, "job")
        return reply


def selected(
    project: "Project",
    words: Options,
    suits: "Callable[[Job], bool]" = lambda _job: True,
    call: "Callable[[Callable[[], list[Job]]], list[Job]]" = lambda select: select(),
    most: int = 0,
) -> "tuple[int, ...]":
    """Return the numbers of the jobs that options and words select: of single ids all, else those that exist.

    Of the latter only own jobs (`selection_options.only_own`) that suit the command; ``call`` makes the calls
    for them, and may repeat them.
    Raises ClickException when nothing is selected, or more than ``most`` jobs (0: any number), UsageError for
    an invalid selection.
    """
    from lgi_tools.cli import selection_options

    if words["words"] and selection_options.is_plain(words):
        found = job_ids(words["words"])
        _check_number(len(found), most)
        return found
    wanted = selection_options.selection(words, project.user)

    def select() -> "list[Job]":
        listed, own = [], 0
        for job in project.select(wanted):
            listed.append(job)
            own += selection_options.takes(words, project.user, job)
            # Where there are very many, not all of them are fetched.
            _check_number(own, most)
        return listed

    listed = call(select)
    own = selection_options.only_own(words, project.user, listed)
    found = tuple(job.id for job in own if suits(job))
    if not found:
        raise click.ClickException("no job is selected")
    return found


def _check_number(number: int, most: int) -> None:
    if most and number > most:
        advice = "select fewer, as with --failed or --since 1h"
        raise click.ClickException(f"more than {most} jobs are selected: {advice}")


def plain_numbers(words: Options) -> tuple[int, ...]:
    """Return the numbers that are given where nothing but numbers is."""
    from lgi_tools.cli import selection_options

    is_number = bool(words["words"]) and selection_options.is_plain(words)
    # A longer one is no job, which the server says.
    return tuple(int(word) for word in words["words"] if len(word) < 10) if is_number else ()


def warn_of_first(name: str, words: Options, project: "Project", job: "Job") -> None:
    """Warn when a number that is given is an array's too, and means only the first of its elements."""
    from lgi_tools.cli import first_elements

    numbers = plain_numbers(words)
    if job.array_id == job.id and job.id in numbers and job.id + 1 not in numbers:
        first_elements.warn(name, project, [job.id])


def job_ids(words: tuple[str, ...]) -> tuple[int, ...]:
    """Return each job id once, in the order given. Raises UsageError for a word that is not a number."""
    for word in words:
        if not (word.isascii() and word.isdigit() and len(word) < 10):
            raise click.UsageError(f"{word!r} is not a job id: it must be a number")
    return tuple(dict.fromkeys(int(word) for word in words))
