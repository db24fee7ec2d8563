"""The commands of one program as a click group that reports errors in one line."""

import errno
import sys
from typing import Any

import click

from lgi_protocol.errors import LGIError
from lgi_server.config.source import ConfigError
from lgi_server.db.errors import cause_text
from lgi_server.services.project.recorded_changes import AdministrationError

# No room left for a file, or for one of this size.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class ProgramGroup(click.Group):
    """A group whose errors begin with ``program``, the name of the program."""

    program = ""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. An error of the user or the system ends it with a message and exit code 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader of the output has exited, as head(1) does: click ends the command without a message.
            raise
        except (AdministrationError, ConfigError, LGIError, OSError, ValueError) as error:
            click.echo(f"{self.program}: {_text(error)}{cause_text(error)}{_advice(error)}", err=True)
            sys.exit(1)


def _text(error: Exception) -> str:
    """Return the message of an error; that of a system error without its number."""
    if not (isinstance(error, OSError) and error.strerror):
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _advice(error: Exception) -> str:
    """Return what to do about an error of the system, empty when that is not known."""
    is_full = isinstance(error, OSError) and error.errno in _FULL
    return "; make room, or raise the limit, and run the command again" if is_full else ""
