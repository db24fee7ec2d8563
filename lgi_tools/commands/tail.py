"""LGI_tail: what a job has put out, also while it runs."""

import sys
from collections.abc import Sequence

import click

from lgi_protocol import states
from lgi_protocol.states import State
from lgi_protocol.transport_errors import TransportError
from lgi_tools.cli import options, program, terminal
from lgi_tools.cli.session import job_ids, open_project
from lgi_tools.client import job_end, models
from lgi_tools.client.models import Details, Tail
from lgi_tools.client.polling import OutageError, poll_until
from lgi_tools.client.project import Project, is_unknown_call
from lgi_tools.commands.wait import line_of, warn_of_outage

NAME = "LGI_tail"
# Shorter than a look is good for.
LONGEST_HELD = 20
# For a resource to send something at all, and for the last words of a job that has ended.
FIRST_SECONDS, LAST_SECONDS = 15.0, 10.0
_TOO_OLD = "{} is too old to tell what a job puts out while it runs; LGI_wait {} waits for its end"


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option("-f", "--follow", is_flag=True, help="Go on until the job has ended.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    metavar="N",
    help="Begin with the last N lines.",
)
@options.project_options
@options.version
@click.argument("word", metavar="JOB_ID")
def command(follow: bool, lines: int, word: str, **given: object) -> int:
    """Print the last lines of what a job has put out, also while it runs.

    With -f also what follows, as it comes.
    """
    (job_id,) = job_ids((word,))
    with open_project(given, NAME) as project:
        job = project.job(job_id)
        if job.ended:
            terminal.show(last_lines(models.result_of(job).output, lines))
            terminal.warn(NAME, f"job {line_of(job)}")
            return 0
        try:
            return (_Follower(project, job, lines) if follow else _Glance(project, job, lines)).run()
        except KeyboardInterrupt:
            return job_end.INTERRUPTED
        except OutageError as error:
            return warn_of_outage(NAME, project, job_id, error)


def last_lines(text: bytes, lines: int) -> bytes:
    """The last lines of a text, be the very last one whole or not."""
    return b"".join(text.splitlines(keepends=True)[-lines:]) if lines else b""


class _Glance:
    """One look at a job."""

    # Whether it goes on while the server is away.
    goes_on = False

    def __init__(self, project: Project, job: Details, lines: int) -> None:
        self.project = project
        self.job = job
        self.lines = lines

    def run(self) -> int:
        """Print what there is; the exit code."""
        if self.job.state == State.QUEUED:
            terminal.warn(NAME, f"job {self.job.id} is queued")
            return 0
        try:
            tail = self.next(Tail(self.job.state, 0, b"", False, False), FIRST_SECONDS)
        except TimeoutError:
            self.warn_of_silence()
            return 1
        terminal.show(last_lines(tail.data, self.lines))
        return 0

    def next(self, seen: Tail, timeout: float | None) -> Tail:
        """What comes after what was seen, or another state. TimeoutError."""

        def is_news(tail: Tail) -> bool:
            now, before = (tail.state, tail.told, tail.complete), (seen.state, seen.told, seen.complete)
            return bool(tail.data) or now != before

        def ask(held: int) -> Tail:
            try:
                return self.project.tail(self.job, seen.end, held)
            except TransportError as error:
                if seen.told or not is_unknown_call(error):
                    raise
                text = _TOO_OLD.format(self.project.server, self.job.id)
                raise click.ClickException(text) from None

        return poll_until(ask, is_news, timeout, LONGEST_HELD, self.goes_on or seen.told)

    def warn_of_silence(self) -> None:
        """Say what it may be when nothing comes."""
        terminal.warn(
            NAME,
            f"the resource of job {self.job.id} has sent nothing yet; if it is an old one the output comes"
            " when the job has ended",
        )


class _Follower(_Glance):
    """Looks until the job has ended."""

    goes_on = True

    def run(self) -> int:
        """Print what comes; the exit code."""
        seen = Tail(self.job.state, 0, b"", False, False)
        begun = warned = False
        while not (seen.complete or (states.has_ended(seen.state) and not seen.told)):
            silent = seen.state != State.QUEUED and not seen.told and not warned
            last = LAST_SECONDS if states.has_ended(seen.state) else None
            try:
                tail = self.next(seen, FIRST_SECONDS if silent else last)
            except TimeoutError:
                if not silent:
                    break
                warned = True
                self.warn_of_silence()
                continue
            self.show(tail, seen.end, begun)
            begun = begun or bool(tail.data)
            seen = tail
        return self.finish(begun)

    def show(self, tail: Tail, end: int, begun: bool) -> None:
        """What is new; of what was there before somebody looked the last lines."""
        if begun and tail.offset > end:
            sys.stdout.flush()
            terminal.warn(NAME, f"{tail.offset - end} bytes are left out here")
        if tail.data:
            terminal.show(tail.data if begun else last_lines(tail.data, self.lines))

    def finish(self, begun: bool) -> int:
        """What is left to say when the job has ended; the exit code."""
        job = self.project.wait(self.job)
        if not begun:
            terminal.show(models.result_of(job).output)
        terminal.warn(NAME, f"job {line_of(job)}")
        return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command LGI_tail; its exit code is 0 when there was something to show."""
    return program.run(command, NAME, arguments)
