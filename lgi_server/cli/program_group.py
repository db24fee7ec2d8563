"""The commands of one program as a click group that reports errors in one line."""

import sys
from typing import Any

import click

from lgi_protocol.errors import LGIError
from lgi_server.config.source import ConfigError
from lgi_server.db.errors import cause_text
from lgi_server.services.project.recorded_changes import AdministrationError


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
            click.echo(f"{self.program}: {error}{cause_text(error)}", err=True)
            sys.exit(1)
