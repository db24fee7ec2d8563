"""The arrays of LGI_run: --array, --each-line and --each, which are combined when several are given."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lgi_protocol.errors import ServerError
from lgi_tools.cli import options, output_json, terminal
from lgi_tools.cli.numeric_options import COUNT
from lgi_tools.commands import run_options
from lgi_tools.commands.run_options import Plan

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_protocol.array_elements import ArrayElement, Value
    from lgi_tools.client.job_request import Submission
    from lgi_tools.client.project import Project

_Command = TypeVar("_Command", bound=Callable[..., Any])
STDIN = "-"
_KEY = "lgi array"
# Elements that are refused, or were deleted, and are named.
_SHOWN = 10


def _remember(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Keep the values of an option with its name: click calls this in the order of the command line."""
    context.meta.setdefault(_KEY, []).extend((parameter.name, value) for value in values)
    return values


_OPTIONS = (
    click.option(
        "--array",
        multiple=True,
        callback=_remember,
        expose_value=False,
        metavar="RANGES",
        help="Submit an array with an element for each number, as 1-200, 0-100:10 or 1,3,7-9"
        " (default: one job).",
    ),
    click.option(
        "--each-line",
        multiple=True,
        callback=_remember,
        expose_value=False,
        metavar="FILE",
        help="Submit an array with an element for each line of this file, - for standard input"
        " (default: one job).",
    ),
    click.option(
        "--each",
        multiple=True,
        callback=_remember,
        expose_value=False,
        metavar="PATTERN",
        help="Submit an array with an element for each file like this, as 'data/*.in', and send it along"
        " (default: one job).",
    ),
    click.option(
        "--at-most",
        type=COUNT,
        metavar="N",
        help="Let no more than N elements of the array run at once (default: any number).",
    ),
)


def array_options(command: _Command) -> _Command:
    """Add the options of an array; the command gets ``at_most``, `is_asked` and `plans` read the others."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def is_asked() -> bool:
    """Return whether the command line has an array."""
    return bool(click.get_current_context().meta.get(_KEY))


def _dimensions() -> "list[list[Value]]":
    """Return the values of each option, in their order. Raises ValueError, OSError for a file."""
    given: Sequence[tuple[str, str]] = click.get_current_context().meta.get(_KEY, [])
    return [values(name, text) for name, text in given]


def values(name: str, text: str) -> "list[Value]":
    """Return the values of one option, by its name as ``each_line``. Raises ValueError, OSError."""
    from lgi_protocol import array_elements
    from lgi_tools.client import array_files

    if name == "array":
        return array_elements.numbers(text)
    if name == "each":
        return array_files.files(text)
    data = sys.stdin.buffer.read() if text == STDIN else Path(text).read_bytes()
    return array_files.lines("standard input" if text == STDIN else text, data)


def dimensions() -> "tuple[list[list[Value]], int]":
    """Return the values of each option, in their order, and how many elements they make.

    Raises UsageError, OSError for a file.
    """
    from lgi_protocol import array_elements

    try:
        found = _dimensions()
        return found, array_elements.size_of(found)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def plans(
    words: Sequence[str], job: options.Options, dimensions: "Sequence[Sequence[Value]]"
) -> dict[int, Plan]:
    """Return the job of each element by its index. Raises UsageError, OSError for a file."""
    from lgi_protocol import array_elements

    try:
        if len(dimensions) > 1 and any(map(array_elements.is_unnumbered, (*words, *job["labels"]))):
            raise click.UsageError(
                f"{{}} is not clear with {len(dimensions)} lists of values: write {{1}} or {{2}}"
            )
        elements = list(array_elements.elements(dimensions))
        return {element.index: _plan(element, words, job, len(elements)) for element in elements}
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _plan(element: "ArrayElement", words: Sequence[str], job: options.Options, size: int) -> Plan:
    from lgi_tools.client import array_files

    own = dict(job)
    own["files"] = [*job["files"], *element.files]
    for name in ("output", "errors"):
        own[name] = element.written(job[name])
    own["labels"] = [element.written(label) for label in job["labels"]]
    variables = array_files.variables(element, size)
    try:
        return run_options.plan([element.written(word) for word in words], own, variables=variables)
    except ValueError as error:
        raise ValueError(f"element {element.index}: {error}") from None


def warn(words: Sequence[str], found: dict[int, Plan], name: str) -> None:
    """Print each warning of the elements once, with the index of the first that it is about."""
    from lgi_protocol import array_elements

    if not any(map(array_elements.has_place, words)):
        terminal.warn(name, "warning: no word of the command has {}: elements differ only by LGI_ARRAY_INDEX")
    first: dict[str, int] = {}
    for index, plan in found.items():
        for warning in plan.warnings:
            first.setdefault(warning, index)
    for warning, index in first.items():
        terminal.warn(name, f"warning: element {index}: {warning}")


def submit(
    project: "Project", found: dict[int, Plan], name: str, *, at_most: int, batch_id: str, as_json: bool
) -> int:
    """Submit the array and print it as a selection of all its elements, ``102[]``. Returns the exit code.

    When an error has cut it the batch id is printed, with which the command can be repeated.
    """
    import hashlib

    request_id = hashlib.sha256(batch_id.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    requests = {index: plan.request for index, plan in found.items()}
    done: list[Submission] = []
    try:
        project.submit_array(requests, at_most=at_most, request_id=request_id, report=done.append)
    except ServerError as error:
        if not done:
            raise
        raise click.ClickException(f"{error}; {_advice(done, len(found), batch_id)}") from error
    except ValueError:
        # Nothing was sent.
        raise
    except BaseException:
        terminal.warn(name, _advice(done, len(found), batch_id))
        raise
    gone = [index for index, one in zip(found, done, strict=True) if one.error]
    for index, one in zip(found, done, strict=True):
        if one.error and index in gone[:_SHOWN]:
            terminal.warn(name, f"element {index}: {one.error}")
    if as_json:
        numbers = [one.job_id for one in done if one.job_id]
        output_json.show({"array_id": _array_id(done), "size": len(found), "job_ids": numbers})
    elif array_id := _array_id(done):
        # With brackets, not as a range of indexes: a shell might take that for the names of directories here,
        # and the server sees from it whether elements are missing.
        terminal.show(f"{array_id}[]\n")
    return int(bool(gone))


def _advice(done: "Sequence[Submission]", size: int, batch_id: str) -> str:
    """Return how much of an array that was cut is submitted, and how that goes on."""
    queued = sum(not one.error for one in done)
    return (
        f"{queued} of {size} elements are submitted{_number(done)}: repeat the command with"
        f" --batch-id {batch_id}, which submits no element twice"
    )


def _array_id(done: "Sequence[Submission]") -> int:
    return max((one.array_id for one in done), default=0)


def _number(done: "Sequence[Submission]") -> str:
    return f", as array {_array_id(done)}" if done else ""
