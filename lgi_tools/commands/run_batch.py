"""The jobs of LGI_run --batch: one on each line of a file, all submitted or, if one is wrong, none."""

import hashlib
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from lgi_protocol.value_object import value_object
from lgi_tools.cli import options, program, terminal
from lgi_tools.client.job_request import Submission
from lgi_tools.client.project import Project
from lgi_tools.commands import run_options
from lgi_tools.commands.run_options import Plan

STDIN = "-"
# The number of bad lines that are named.
_SHOWN = 10
_WORDS = "words"


@value_object
class BatchLine:
    """The job of a line, and the number of the line in its file."""

    number: int
    plan: Plan


class BatchError(click.ClickException):
    """Lines of a batch are wrong, and nothing was submitted."""

    def __init__(self, faults: Sequence[str]) -> None:
        """Set ``faults``, one text for each bad line."""
        self.faults = tuple(faults[:_SHOWN])
        lines = "1 line is" if len(faults) == 1 else f"{len(faults)} lines are"
        super().__init__(f"nothing was submitted: {lines} wrong")


@click.command(context_settings={"allow_interspersed_args": False}, add_help_option=False)
@run_options.job_options
@click.argument(
    _WORDS, nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] COMMAND [ARGUMENTS]..."
)
def _line(**_given: object) -> None:
    """Describe a line to click, which only parses it.

    Example: LGI_run --batch jobs.txt
    """


def read(file: str, given: options.Options, batch_id: str) -> list[BatchLine]:
    """Return the jobs of a file; ``-`` is standard input. ``given`` are options that hold for all lines.

    Raises BatchError with the bad lines, OSError when the file cannot be read.
    """
    lines: list[BatchLine] = []
    faults: list[str] = []
    copies: Counter[str] = Counter()
    for number, text in _texts(file):
        copies[text] += 1
        # Of equal lines each is a job of its own; a line that is inserted does not change the ids of others.
        key = f"{batch_id}\n{copies[text]}\n{text}".encode("utf-8", "surrogateescape")
        try:
            lines.append(BatchLine(number, _plan(text, given, hashlib.sha256(key).hexdigest())))
        except click.UsageError as error:
            faults.append(f"line {number}: {error.format_message()}")
        except (ValueError, OSError) as error:
            faults.append(f"line {number}: {program.plain(error)}")
    if faults:
        raise BatchError(faults)
    return lines


def _texts(file: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that are neither empty nor comments, with their numbers."""
    data = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    # A word that is not UTF-8 is sent as the bytes that stand in the file.
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _plan(text: str, given: options.Options, request_id: str) -> Plan:
    if "\0" in text:
        raise ValueError("it has a NUL character, which no command line can have")
    words = shlex.split(text)
    if not words[0].startswith("-"):
        return run_options.plan(words, given, request_id)
    # Parsing options takes as long as all else of a line.
    own = _line.make_context("LGI_run", words).params
    return run_options.plan(own.pop(_WORDS), run_options.merged(own, given), request_id)


def warn(lines: Sequence[BatchLine], name: str) -> None:
    """Print each warning of the lines once, with the number of the first line that it is about."""
    first = {warning: line.number for line in reversed(lines) for warning in line.plan.warnings}
    for warning, number in sorted(first.items(), key=lambda item: item[1]):
        terminal.warn(name, f"warning: line {number}: {warning}")


def submit(project: Project, lines: Sequence[BatchLine], batch_id: str, name: str) -> int:
    """Submit the jobs and print the id of each, in their order. Returns the exit code.

    After an error the batch id is printed, with which the command can be repeated.
    """
    left = iter(lines)
    refused = 0

    def report(outcome: Submission) -> None:
        nonlocal refused
        number = next(left).number
        if outcome.error:
            refused += 1
            terminal.warn(name, f"line {number}: {outcome.error}")
        else:
            terminal.show(f"{outcome.job_id}\n")

    try:
        project.submit_many([line.plan.request for line in lines], report)
    except BaseException:
        advice = f"repeat the command with --batch-id {batch_id}, which submits no line twice"
        terminal.warn(name, f"the batch was not submitted as a whole: {advice}")
        raise
    return int(refused > 0)
