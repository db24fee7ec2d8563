"""LGI_attach: a shell or a command beside a running job."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from lgi_protocol.errors import ServerError, TransportError
from lgi_tools.cli import completion, options, program
from lgi_tools.cli.session import job_ids, open_project
from lgi_tools.client.timing import DEFAULT, Timing

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_protocol.attach_frames import Start
    from lgi_tools.client.attach_session import AttachSession
    from lgi_tools.client.project import Project

NAME = "LGI_attach"
# As ssh: when there is no session, which is no exit code of the command.
NO_SESSION, INTERRUPTED = 255, 130


@click.command(context_settings=options.CONTEXT | {"allow_interspersed_args": False}, no_args_is_help=True)
@click.option(
    "-t/-T",
    "--terminal/--no-terminal",
    "wants_terminal",
    default=None,
    help="Run the command at a terminal, or with pipes"
    " (default: a shell at a terminal where LGI_attach has one, commands with pipes).",
)
@options.project_options
@options.version
@click.argument("job", metavar="JOB_ID", shell_complete=completion.complete_ids)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[--] [COMMAND [ARGUMENTS]...]")
def command(wants_terminal: bool | None, job: str, words: tuple[str, ...], **given: object) -> int:
    """Open a shell, or run COMMAND, in the directory of a running job, on its resource and with its rights.

    It needs the permission of the project, of the resource and of the job, and works for jobs of yours that
    are plain processes. The session ends with the job. At a terminal Enter, ~ and . end it, as in ssh. The
    exit code is that of the command, 255 without a session.

    Example: LGI_attach 7 -- tail -n 3 output
    """
    if sys.platform == "win32":
        raise click.UsageError("Windows cannot wait for keys and output at once: use LGI_attach in WSL")
    (job_id,) = job_ids((job,))
    has_terminal = _has_terminal(wants_terminal, bool(words))
    with open_project(given, NAME) as project:
        try:
            return _serve(project, job_id, words, has_terminal)
        except KeyboardInterrupt:
            return INTERRUPTED


def _has_terminal(wanted: bool | None, has_command: bool) -> bool:
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if wanted and not sys.stdin.isatty():
        raise click.UsageError("--terminal needs a terminal as standard input")
    return is_terminal and not has_command if wanted is None else wanted


def _serve(project: "Project", job_id: int, words: tuple[str, ...], has_terminal: bool) -> int:
    from lgi_protocol.attach_stream import SessionEndedError
    from lgi_tools.client.attach_session import AttachSession, RefusedSessionError

    start = _start(words, has_terminal)
    try:
        start.frame()
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        session = AttachSession(project.call, job_id)
        with _terminal_of(session) if has_terminal else _pipes(session):
            return session.run(start, sys.stdin.fileno(), _write)
    except RefusedSessionError as error:
        raise _NoSessionError(f"job {job_id}: {error}") from None
    except SessionEndedError:
        raise _NoSessionError(f"job {job_id}: the session has ended") from None
    except TransportError as error:
        if error.excerpt.startswith("HTTP 404"):
            raise _NoSessionError(f"{error.server} is too old for LGI_attach") from None
        raise _NoSessionError(f"no answer from {error.server}: {error.reason}") from None
    except ServerError as error:
        raise _NoSessionError(str(error)) from None


class _NoSessionError(click.ClickException):
    """There is no session, or none any more."""

    exit_code = NO_SESSION


def _start(words: tuple[str, ...], has_terminal: bool) -> "Start":
    from lgi_protocol.attach_frames import Start

    if not has_terminal:
        return Start(words)
    return Start(words, True, os.environ.get("TERM", ""), *_size())


def _size() -> tuple[int, int]:
    columns, lines = os.get_terminal_size(sys.stdin.fileno())
    return columns or 80, lines or 24


def _write(is_output: bool, data: bytes) -> None:
    """Write what the program writes, unchanged: it is the user's own program."""
    stream = sys.stdout if is_output else sys.stderr
    stream.buffer.write(data)
    stream.buffer.flush()


@contextmanager
def _terminal_of(session: "AttachSession") -> Iterator[None]:
    """Pass each key on while a block runs, and each new size of the terminal."""
    from lgi_tools.cli.raw_terminal import RawTerminal, size_watch

    terminal = RawTerminal(sys.stdin.fileno())
    try:
        with size_watch(lambda: session.resize(*_size())), _ending(session):
            terminal.open()
            yield
    finally:
        terminal.close()


@contextmanager
def _pipes(session: "AttachSession") -> Iterator[None]:
    with _ending(session):
        yield


@contextmanager
def _ending(session: "AttachSession") -> Iterator[None]:
    """End the session by SIGTERM and SIGHUP too."""

    def leave(number: int, _frame: object) -> None:
        session.close()
        raise SystemExit(128 + number)

    numbers = [signal.SIGTERM]
    if sys.platform != "win32":
        numbers.append(signal.SIGHUP)
    former = [signal.signal(number, leave) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, former, strict=True):
            signal.signal(number, handler)


def main(arguments: Sequence[str] | None = None, timing: Timing = DEFAULT) -> int:
    """Run LGI_attach and return its exit code: that of the command, 255 without a session."""
    return program.run(command, NAME, arguments, timing)
