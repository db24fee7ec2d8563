"""The options of submits that choose which files of a job are kept."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lgi_tools.cli.options import Options

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.result_patterns import ResultPatterns

_Command = TypeVar("_Command", bound=Callable[..., Any])
NAMES = ("output_files", "exclude_files")


def result_options(command: _Command) -> _Command:
    """Add --output and --exclude; the command gets them as keywords with the names of `NAMES`."""
    for option in (
        click.option(
            "--exclude",
            "exclude_files",
            multiple=True,
            metavar="GLOB",
            help="Do not keep files and directories like this, as '*.tmp'; may be repeated (default: none).",
        ),
        click.option(
            "--output",
            "output_files",
            multiple=True,
            metavar="GLOB",
            help="Keep these files of the job, as 'results/**', also in directories; may be repeated"
            " (default: all files, but none in directories).",
        ),
    ):
        command = option(command)
    return command


def patterns(given: Options, streams: Sequence[str] = ()) -> "ResultPatterns":
    """Return the patterns of the options; with some, ``streams`` are kept too. Raises ValueError."""
    import glob

    from lgi_tools.client.result_patterns import ResultPatterns

    output, exclude = (tuple(dict.fromkeys(given[name])) for name in NAMES)
    return ResultPatterns((*output, *map(glob.escape, streams)) if output else (), exclude)
