"""Writes a manual page of every command into a directory, as the commands tell it: ``make man``."""

import importlib
import inspect
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import EntryPoint, distribution
from pathlib import Path
from types import ModuleType

import click

from lgi_protocol import LGI_VERSION
from lgi_tools.client import settings

_FILTERS = "lgi_tools.filters."
_PROGRAMS = sorted(distribution("lgi").entry_points, key=lambda entry: entry.name)


def main() -> None:
    """Write the pages."""
    directory = Path(sys.argv[1])
    for entry in _PROGRAMS:
        place = directory / f"man{section(entry)}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{entry.name}.{section(entry)}").write_text("".join(page(entry)))
    print(f"{len(_PROGRAMS)} pages in {directory}: copy its man1 and man8 into /usr/local/share/man")


def section(entry: EntryPoint) -> int:
    """1 for commands of users, 8 for those of administrators."""
    return 1 if entry.value.startswith("lgi_tools.") else 8


def page(entry: EntryPoint) -> Iterator[str]:
    """Return the text of one page."""
    module = importlib.import_module(entry.load().module)
    yield f'.TH "{entry.name}" {section(entry)} "" "LGI {LGI_VERSION}" "Leiden Grid Infrastructure"\n'
    if module.__name__.startswith(_FILTERS):
        yield from filter_page(entry)
    else:
        yield from command_page(entry.name, module)
    others = [f"\\fB{roff(other.name)}\\fR({section(other)})" for other in _PROGRAMS if other != entry]
    yield ".SH SEE ALSO\n" + ",\n".join(others) + "\n"


def filter_page(entry: EntryPoint) -> Iterator[str]:
    """Return the page of a filter, which is its help."""
    program = Path(sysconfig.get_path("scripts")) / entry.name
    shown = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    usage, _, rest = shown.partition("\n\n")
    yield named(entry.name, rest.partition(". ")[0].partition(".\n")[0])
    yield f".SH SYNOPSIS\n{roff(usage.removeprefix('Usage: '))}\n"
    yield f".SH DESCRIPTION\n.nf\n{roff(rest.strip())}\n.fi\n"


def command_page(name: str, module: ModuleType) -> Iterator[str]:
    """Return the page of a click command with all its subcommands."""
    command = next(value for value in vars(module).values() if isinstance(value, click.Command))
    context = click.Context(command, info_name=name, **command.context_settings)
    yield named(name, command.get_short_help_str(200))
    yield f".SH SYNOPSIS\n{synopsis(context)}"
    yield f".SH DESCRIPTION\n{paragraphs(command.help or '')}"
    yield from options(context, ".SH OPTIONS\n")
    if isinstance(command, click.Group):
        yield ".SH COMMANDS\n"
        yield from commands(context, command)
    if command.epilog:
        yield f".SH NOTES\n{paragraphs(command.epilog)}"
    if {"config", "key"} <= {parameter.name for parameter in command.params}:
        yield from settings_of_users()
    yield ".SH EXIT STATUS\n0 only when all that was asked is done, unless it says otherwise above.\n"


def commands(context: click.Context, group: click.Group, *words: str) -> Iterator[str]:
    """Return the commands of a group; those of a group among them stand one by one, with all their words."""
    for each, below in sorted(group.commands.items()):
        inner = click.Context(below, info_name=each, parent=context)
        if isinstance(below, click.Group):
            yield from commands(inner, below, *words, each)
        elif not below.hidden:
            yield f".SS {roff(' '.join((*words, each)))}\n{synopsis(inner)}{paragraphs(below.help or '')}"
            yield from options(inner, "")
            yield f".PP\n{paragraphs(below.epilog)}" if below.epilog else ""


def named(name: str, summary: str) -> str:
    """Return the line that `apropos` searches."""
    return f".SH NAME\n{roff(name)} \\- {roff(' '.join(summary.split()).rstrip('.'))}\n"


def synopsis(context: click.Context) -> str:
    """How a command is called."""
    pieces = " ".join(context.command.collect_usage_pieces(context))
    return f".B {roff(context.command_path)}\n{roff(pieces)}\n.PP\n"


def options(context: click.Context, heading: str) -> Iterator[str]:
    """Return the options of a command as in its help."""
    yield heading
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record and record[1]:
            yield f".TP\n\\fB{roff(record[0])}\\fR\n{roff(record[1])}\n"


def settings_of_users() -> Iterator[str]:
    """Where the tools take server, user and key from, by option, file or variable."""
    yield ".SH FILES AND ENVIRONMENT\nWhat is no option is read from these files of\n.IR ~/.LGI ,\n"
    yield "or from the variable of each. LGI_CONFIG names a directory that is read before it.\n"
    for file in settings.FILES.values():
        yield f".TP\n.I ~/.LGI/{file}\n.B LGI_{file.upper()}\n"


def paragraphs(text: str) -> str:
    """Text as click has it: a line with a backspace begins one whose lines stay."""
    parts = []
    for part in inspect.cleandoc(text).split("\n\n"):
        kept = part.startswith("\b\n")
        body = roff(part.removeprefix("\b\n"))
        parts.append(f".nf\n{body}\n.fi\n" if kept else f"{body}\n")
    return ".PP\n".join(parts)


def roff(text: str) -> str:
    """Text in which nothing means anything to the formatter."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line[:1] in {".", "'"} else line for line in text.splitlines())


if __name__ == "__main__":
    main()
