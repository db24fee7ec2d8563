"""The start and end of every tool: exit codes, and errors as one line."""

import sys
from collections.abc import Sequence

import click

from lgi_protocol.job_directory import DamagedFileError
from lgi_tools.cli import terminal
from lgi_tools.client.text import shortened
from lgi_tools.client.timing import DEFAULT, Timing


class CallError(Exception):
    """A call of a project server failed; the text is the message for the user."""

    def __init__(self, text: str, content: str = "") -> None:
        """Set ``content``, the server's ``<error>``, empty without an answer."""
        self.content = content
        # Details after the text, with a verbose option.
        self.shown = ""
        # Advice for the user, printed on standard error.
        self.advice = ""
        super().__init__(text)


def run(
    command: click.Command, name: str, arguments: Sequence[str] | None = None, timing: Timing = DEFAULT
) -> int:
    """Run a tool and return its exit code: 0 only when it succeeded completely.

    click itself ends the program silently when the reader of its output has closed it, as ``LGI_qstat |
    head``.
    """
    try:
        done = command.main(args=arguments, prog_name=name, standalone_mode=False, obj=timing)
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
        return error.exit_code
    except OSError as error:
        terminal.warn(name, plain(error))
    except click.Abort:
        return 130
    return 1


def plain(error: OSError | ValueError) -> str:
    """Return the text of a system error without its number."""
    if isinstance(error, OSError) and error.strerror:
        name = shortened(str(error.filename)) if error.filename else ""
        return f"{name}: {error.strerror}" if name else error.strerror
    return str(error)
