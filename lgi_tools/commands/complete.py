"""LGI_complete: print the shell code that completes options and file names of LGI's commands."""

from collections.abc import Iterator, Sequence

import click
from click.shell_completion import ShellComplete, get_completion_class

from lgi_tools.cli import options, program, terminal

NAME = "LGI_complete"
_START = {
    "bash": 'eval "$(LGI_complete bash)" in ~/.bashrc',
    "zsh": 'eval "$(LGI_complete zsh)" in ~/.zshrc, after compinit',
    "fish": "LGI_complete fish | source in ~/.config/fish/config.fish",
}


@click.command(
    context_settings=options.CONTEXT,
    no_args_is_help=True,
    epilog="\b\n" + "\n".join(f"{shell}: {line}" for shell, line in _START.items()),
)
@options.version
@click.argument("shell", type=click.Choice(list(_START)))
def command(shell: str) -> int:
    """Print the code with which SHELL completes options and file names of LGI's commands.

    Example: eval "$(LGI_complete bash)"
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.ClickException(f"completion for the shell {shell} is not available")
    for name in names():
        variable = f"_{name.upper()}_COMPLETE"
        # Not the shell class's own source(): it starts the shell to read its version.
        terminal.show(ShellComplete.source(found(command, {}, name, variable)) + "\n")
    return 0


def names() -> Iterator[str]:
    """Yield the names of the installed commands that have options to complete (filters have hardly any)."""
    from importlib.metadata import distribution
    from importlib.util import find_spec

    for entry in distribution("lgi").entry_points:
        # Packages install the commands of a server or a resource apart from the list of all commands.
        if find_spec(entry.module.partition(".")[0]) is None:
            continue
        if not entry.load().module.startswith("lgi_tools.filters."):
            yield entry.name


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_complete and return its exit code."""
    return program.run(command, NAME, arguments)
