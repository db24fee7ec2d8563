"""LGI_setup: make a project server, and bring an older one to this version."""

from pathlib import Path

import click

from lgi_server.cli.program_group import ProgramGroup
from lgi_server.cli.setup import backup, conversion, grid, new, project, restore, takeover, upgrade
from lgi_server.cli.setup.check import command as check_command


class _Programs(ProgramGroup):
    """The group of all commands; a directory in place of a command means ``new``."""

    program = "LGI_setup"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line; what names no command is that of ``new``."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["new", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_Programs,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExample:\n"
    "  LGI_setup server --url https://lgi.example.org/LGI\n"
    "  LGI_setup upgrade server/LGI_server.cfg",
)
def main() -> None:
    """Make a project server, or bring one to this version: LGI_setup DIRECTORY is LGI_setup new DIRECTORY."""


@main.command(epilog="\b\nExample:\n  LGI_setup convert server/LGI_server.cfg")
@click.argument("configuration", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def convert(configuration: Path) -> None:
    """Give an older CONFIGURATION sections; its former text is kept beside it."""
    former = conversion.convert(configuration)
    click.echo(
        f"{configuration} has sections{f' now; the former text is in {former}' if former else ' already'}"
    )


main.add_command(check_command.check)
main.add_command(grid.grid)
main.add_command(new.new)
main.add_command(project.project)
main.add_command(upgrade.upgrade)
main.add_command(backup.backup)
main.add_command(restore.restore)
main.add_command(takeover.takeover)
