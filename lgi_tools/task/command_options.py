"""Options and output that the commands of LGI_task share."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from lgi_tools.cli import options, session, terminal
from lgi_tools.cli.progress import ProgressBar
from lgi_tools.client.settings import Settings

NAME = "LGI_task"
# The same error is printed for so many folders.
_SAME = 10
_Command = TypeVar("_Command", bound=Callable[..., Any])
_One = TypeVar("_One")
BATCH = click.option(
    "-b",
    "--batch",
    multiple=True,
    metavar="PATTERN",
    help="Quoted pattern of folders, as 'dirs/*', or a file with one folder per line; may be repeated"
    " (default: the current directory).",
)
HANDS = click.option(
    "-j",
    "--parallel",
    "hands",
    type=click.IntRange(1, 32),
    default=4,
    show_default=True,
    metavar="N",
    help="Number of parallel connections.",
)
_FOLDERS = click.argument("folders", nargs=-1, type=options.DIRECTORY, metavar="[FOLDER]...")


def on_folders(command: _Command) -> _Command:
    """Add the argument FOLDER, -b, -j and the options of a project."""
    for option in (options.project_options, HANDS, BATCH, _FOLDERS):
        command = option(command)
    return command


def folders_of(given: Sequence[str], batch: Sequence[str]) -> list[Path]:
    """Return all folders, each once; the current directory when none is given. Raises UsageError."""
    from lgi_tools.task import folder

    try:
        named = [Path(name) for name in given]
        return folder.once(iter([*named, *folder.of_batch(batch)] if given or batch else [Path()]))
    except ValueError as error:
        raise click.UsageError(str(error)) from None


@contextmanager
def settled(given: options.Options) -> Iterator[Settings]:
    """Resolve the settings of a command and translate the errors of its calls."""
    chosen = options.resolve(given)
    options.require(chosen, NAME, "server", "user", "groups")
    with session.translate_errors():
        yield chosen


def watched(results: Iterator[_One], total: int, label: str) -> Iterator[_One]:
    """Yield all results, with a progress bar on a terminal."""
    with closing(ProgressBar(label)) as bar:
        for number, one in enumerate(results, 1):
            bar(number, total)
            yield one


def faults(reasons: Iterator[tuple[Path, str]]) -> int:
    """Print the errors in the order of the folders. Returns the exit code.

    An error of many folders is printed for the first ones, with the number of the others.
    """
    wrong = sorted((place, reason) for place, reason in reasons if reason)
    times: Counter[str] = Counter()
    for place, reason in wrong:
        times[reason] += 1
        if times[reason] <= _SAME:
            terminal.warn(NAME, reason if place == Path() else f"{place}: {reason}")
    for reason, count in times.items():
        if count > _SAME:
            terminal.warn(NAME, f"and {count - _SAME} more folders: {reason}")
    return 1 if wrong else 0
