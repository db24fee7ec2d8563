"""LGI_top: a screen with one's own jobs and the resources, as long as one looks at it."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import click

from lgi_tools.cli import options, output_json, program, terminal
from lgi_tools.cli.session import open_project
from lgi_tools.client.timing import DEFAULT, Timing

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.project import Project

NAME = "LGI_top"


@click.command(context_settings=options.CONTEXT)
@click.option("--all", "everyone", is_flag=True, help="Show all jobs that you may read, not only your own.")
@click.option(
    "-i",
    "--interval",
    type=click.FloatRange(0.5, 3600),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="Ask the server so often.",
)
@click.option("--once", is_flag=True, help="Print everything once, without keys and colors.")
@output_json.option
@options.project_options
@options.version
@output_json.json_errors
def command(everyone: bool, interval: float, once: bool, as_json: bool, **given: object) -> int:
    """Show your queue on the whole screen: jobs, arrays with progress and time left, resources.

    Jobs that have ended are shown for a quarter of an hour. Move with the arrows, page up and page down; t
    prints the output of the chosen job, e explains it, a aborts it after a question, h holds or releases it,
    r asks the server at once, q quits. A server that does not answer is asked again.

    Example: LGI_top --once
    """
    from lgi_tools.cli import screen

    if once or as_json:
        with open_project(given, NAME) as project:
            return _print(project, everyone=everyone, as_json=as_json)
    if not screen.can_draw():
        raise click.UsageError("this needs a terminal with a screen: give --once to print it once")
    with open_project(dict(given), NAME) as project, open_project(given, NAME) as other:
        _watch(project, other, everyone=everyone, interval=interval)
    return 0


def _print(project: "Project", *, everyone: bool, as_json: bool) -> int:
    from lgi_tools.commands import top_board, top_view

    board = top_board.read_board(project, everyone=everyone)
    if as_json:
        output_json.show(board.as_json())
    else:
        terminal.show("".join(f"{line}\n" for line in top_view.whole(board)))
    return 0


def _watch(project: "Project", other: "Project", *, everyone: bool, interval: float) -> None:
    """Show the screen. The second project is for output that is printed meanwhile."""
    from lgi_tools.cli.screen import Screen
    from lgi_tools.commands import top_board
    from lgi_tools.commands.top_feed import Feed
    from lgi_tools.commands.top_keys import Top

    feed = Feed(project, partial(top_board.read_board, everyone=everyone), interval)
    with Screen() as screen:
        Top(screen, feed, partial(_tail, other)).run()


def _tail(project: "Project", job_id: int) -> None:
    """Print the output of a job until its end, or Ctrl-C, and wait for Enter."""
    from lgi_protocol.errors import ServerError, TransportError
    from lgi_tools.client.transfer_error import TransferError
    from lgi_tools.commands.tail_output import follow

    print(f"{NAME}: the output of job {job_id}; Ctrl-C ends it", flush=True)
    try:
        follow(project, job_id)
    except KeyboardInterrupt:
        print()
    except (ServerError, TransportError, TransferError, click.ClickException) as error:
        terminal.warn(NAME, str(error))
    print("Enter: back", flush=True)
    with suppress(EOFError, KeyboardInterrupt):
        input()


def main(arguments: Sequence[str] | None = None, timing: Timing = DEFAULT) -> int:
    """Run LGI_top and return its exit code."""
    return program.run(command, NAME, arguments, timing)
