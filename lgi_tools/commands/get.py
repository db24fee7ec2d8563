"""LGI_get: fetch the files and the output of jobs that have ended."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lgi_tools.cli import options, output_json, program, selection_options, terminal
from lgi_tools.cli.progress import ProgressBar
from lgi_tools.cli.session import open_project, selected, timing, warn_of_first
from lgi_tools.client.text import one_line
from lgi_tools.commands import get_paths
from lgi_tools.task.command_options import HANDS

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.project import Project
    from lgi_tools.client.settings import Settings
    from lgi_tools.commands.get_results import Fetched, Getter

NAME = "LGI_get"
# Job ids that a message lists.
_SHOWN = 20


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option(
    "-d",
    "--directory",
    type=options.DIRECTORY,
    metavar="DIR",
    help="Write below this directory, which is created if it is missing (default: that of LGI_run -d, for"
    " other jobs the current one).",
)
@click.option(
    "--as",
    "pattern",
    metavar="PATTERN",
    help="Where each file goes: {id}, {name} and {application} are those of its job, {file} is its own name"
    f" (default: {get_paths.DEFAULT}).",
)
@click.option(
    "--only",
    multiple=True,
    metavar="GLOB",
    help="Fetch only files with such names, as '*.dat'; may be repeated (default: all).",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="GLOB",
    help="Leave out files with such names; may be repeated (default: none).",
)
@click.option("--force", is_flag=True, help="Replace local files that differ.")
@HANDS
@output_json.option
@options.project_options
@selection_options.selection_options
@options.version
@output_json.json_errors
def command(
    *,
    directory: str | None,
    pattern: str | None,
    only: tuple[str, ...],
    exclude: tuple[str, ...],
    force: bool,
    hands: int,
    as_json: bool,
    **given: Any,
) -> int:
    """Fetch the files of jobs that have ended, and their output as joblog.txt and joberr.txt.

    JOB_ID is a number, a range as 12-40, or - for the numbers on standard input; options select jobs too.
    Of a selection only those jobs are fetched that have ended.

    What was fetched before and is unchanged is not fetched again, and a long file that was interrupted goes
    on where it stopped: an LGI_get that failed is simply repeated. The files stay on the server.

    Example: LGI_get --name sweep --only '*.dat' -d results
    """
    from lgi_tools.client import result_directory
    from lgi_tools.commands.get_results import Getter

    try:
        places = get_paths.PathPattern(pattern or get_paths.DEFAULT)
    except ValueError as error:
        raise click.UsageError(f"--as: {error}") from None
    words = selection_options.split(given)
    with open_project(dict(given), NAME) as project:
        numbers = selected(project, words, lambda job: job.ended)
        getter = Getter(
            places,
            Path(directory or "."),
            only,
            exclude,
            force,
            partial(warn_of_first, NAME, words),
            own=result_directory.known() if directory is None and pattern is None else {},
        )
        getter.directory.mkdir(parents=True, exist_ok=True)
        found = list(_fetch(options.resolve(given), numbers, hands, getter))
        if not only and not exclude:
            _confirm(project, [one.job_id for one in found if not one.faults])
    found.sort(key=lambda one: numbers.index(one.job_id))
    return _show(found, as_json) or _warn_of_none(found, only, getter.matched)


def _fetch(chosen: "Settings", numbers: tuple[int, ...], hands: int, getter: "Getter") -> "Iterator[Fetched]":
    """Fetch several jobs at once, each thread with its own connection."""
    from lgi_tools.client.project import Project
    from lgi_tools.task.parallel import map_parallel

    times = timing()

    def work(mine: Iterator[int], report: "Callable[[Fetched], None]") -> None:
        with Project.of(chosen, times) as project:
            for job_id in mine:
                report(getter.get(project, job_id))

    with closing(ProgressBar("fetching")) as bar:
        for number, one in enumerate(map_parallel(numbers, work, min(hands, len(numbers))), 1):
            bar(number, len(numbers))
            yield one


def _confirm(project: "Project", job_ids: Sequence[int]) -> None:
    """Tell the server, if it takes that, which results are here; LGI_clean keeps what it has not noted."""
    from lgi_protocol.errors import ServerError, TransportError

    with suppress(ServerError, TransportError):
        project.confirm_results(job_ids)


def _show(found: "Sequence[Fetched]", as_json: bool) -> int:
    """Print what was fetched. Returns the exit code: 1 when a file is missing."""
    for one in found:
        for fault in one.faults:
            terminal.warn(NAME, f"job {one.job_id}: {fault}")
        if not as_json:
            terminal.show("".join(f"{one_line(str(path))}\n" for path in one.files))
    if as_json:
        output_json.show({"jobs": [_document(one) for one in found]})
    return 1 if any(one.faults for one in found) else 0


def _warn_of_none(found: "Sequence[Fetched]", only: Sequence[str], matched: "set[str]") -> int:
    """Warn of patterns that no file has matched, and of jobs without one. Returns 1 for such a pattern."""
    for pattern in [one for one in only if one not in matched]:
        terminal.warn(NAME, f"no file of the selected jobs has a name like {pattern!r}")
    without = [str(one.job_id) for one in found if only and not (one.files or one.kept or one.faults)]
    if matched and without:
        more = ", ..." if len(without) > _SHOWN else ""
        terminal.warn(NAME, f"no such file: job {', '.join(without[:_SHOWN])}{more}")
    return 1 if set(only) - matched else 0


def _document(one: "Fetched") -> dict[str, object]:
    return {
        "job_id": one.job_id,
        "files": [str(path) for path in one.files],
        "unchanged": one.kept,
        "faults": list(one.faults),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_get and return its exit code: 0 only when all files of all selected jobs are here.

    It is 1 too for a pattern of --only that no file of these jobs has matched.
    """
    return program.run(command, NAME, arguments)
