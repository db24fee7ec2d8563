"""How every tool starts and ends: exit codes, and errors in plain words."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from lgi_protocol import xml
from lgi_protocol.errors import ServerError
from lgi_protocol.job_directory import DamagedFileError
from lgi_protocol.reply import Reply
from lgi_protocol.transport_errors import TransportError
from lgi_tools.cli import terminal

_log = logging.getLogger(__name__)


class CallError(Exception):
    """A project server did not do what was asked; the text is a line for the user."""

    def __init__(self, text: str, content: str = "") -> None:
        """``content`` is the server's ``<error>``; it is empty when the server gave no answer."""
        self.content = content
        # What follows the text, where somebody asked for more.
        self.shown = ""
        # What may be looked at or done about it; said on standard error.
        self.advice = ""
        super().__init__(text)


@contextmanager
def translate_errors(server: str) -> Iterator[None]:
    """Turns the errors of calls to a server into CallError, worded as LGI's tools do."""
    try:
        yield
    except ServerError as error:
        text = f"Error message returned by server {server} : {error.message}"
        raise CallError(text, error_element(error)) from error
    except TransportError as error:
        failure = CallError(f"Error posting to server {server}: {error.reason}")
        if error.said:
            _log.info("the server answered: %s", terminal.one_line(error.said))
            failure.advice = f"is {server} the address of a project server? --verbose shows what it answered"
        raise failure from error


def require_elements(server: str, reply: Reply, *names: str) -> None:
    """CallError when an answer has no element of these: a server of another time, or none of LGI's."""
    if all(xml.find(reply.content, name) is None for name in names):
        version = xml.value(reply.envelope, "LGI_version") or "an unknown version"
        _log.info("the server answered: %s", terminal.one_line(reply.content))
        raise CallError(f"Error posting to server {server}: LGI {version} answered without <{names[0]}>")


def error_element(error: ServerError) -> str:
    """The error as the server wrote it."""
    parts = [xml.Element("number", error.number), xml.Element("message", error.message)]
    if error.back_off:
        parts.append(xml.Element("timeout", error.timeout))
    return xml.write(xml.Element("error", tuple(parts)))


def run(command: click.Command, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run a tool and return its exit code: 0 only when everything asked for was done.

    click itself ends the program quietly when the reader of its output is gone, as in ``LGI_qstat | head``.
    """
    try:
        done = command.main(args=arguments, prog_name=name, standalone_mode=False)
        return done if isinstance(done, int) else 0
    except CallError as failure:
        # As LGI: on standard output, between empty lines, where existing scripts look for it.
        terminal.show(f"\n{terminal.value(str(failure))}\n\n{failure.shown}")
        if failure.advice:
            terminal.warn(name, failure.advice)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else name
        terminal.warn(name, f"{error.format_message()} ('{path} -h' shows how it is used)")
    except DamagedFileError as error:
        terminal.warn(name, str(error))
    except click.ClickException as error:
        terminal.warn(name, error.format_message())
    except OSError as error:
        terminal.warn(name, plain(error))
    except click.Abort:
        return 130
    return 1


def plain(error: OSError | ValueError) -> str:
    """An error of the system without its number."""
    if isinstance(error, OSError) and error.strerror:
        name = terminal.shortened(str(error.filename)) if error.filename else ""
        return f"{name}: {error.strerror}" if name else error.strerror
    return str(error)
