"""The views of LGI_qstat with progress: a line for each array, and the totals of a selection."""

from collections.abc import Sequence

import click

from lgi_protocol.reply import Reply
from lgi_tools.cli import output_json, progress_text, terminal
from lgi_tools.cli.output_json import OutputFormat, Values
from lgi_tools.cli.session import UserCalls, translate_errors
from lgi_tools.client.job_array import JobArray, job_arrays
from lgi_tools.client.job_progress import progress_in
from lgi_tools.client.selection import SHOW, check_known
from lgi_tools.commands import qstat_list

HEADER = ("array", "name", "application", "progress", "left", "owner")


def refuse_mixture(arrays: bool, total: bool, others: bool, chosen: bool) -> None:
    """Raise UsageError for a view with other views, or arrays with a selection."""
    if (arrays or total) and others:
        raise click.UsageError("--arrays and --total cannot be combined with -cnt, -n, -x and --long")
    if arrays and chosen and not total:
        raise click.UsageError("--arrays cannot be combined with job ids and options that select jobs")


def show(calls: UserCalls, fields: dict[str, str], shape: OutputFormat, arrays: bool) -> None:
    """Print the arrays and the jobs that are in none, or else the totals of the jobs with these fields."""
    if not arrays:
        reply = calls.call("job_progress", fields, "progress")
        with translate_errors():
            check_known(calls.server, fields, reply)
        _total(reply, shape)
        return
    with translate_errors():
        found = list(job_arrays(lambda before: calls.call("job_arrays", dict(before), "number_of_arrays")))
    if shape is OutputFormat.JSON:
        pages = qstat_list.JobPager(calls, {"single": "1", **SHOW})
        jobs = [output_json.job(text) for page in pages.pages() for _number, text in page]
        output_json.show({"arrays": [values(array) for array in found], "jobs": jobs})
        return
    if found:
        _table(found)
    qstat_list.show(calls, {"single": "1"}, shape)


def _table(found: Sequence[JobArray]) -> None:
    rows = [_cells(array) for array in found]
    widths = [max(len(row[at]) for row in (HEADER, *rows)) for at in range(len(HEADER))]
    for row in (HEADER, *rows):
        padded = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        terminal.show(terminal.value(padded.rstrip()) + "\n")


def _cells(array: JobArray) -> tuple[str, ...]:
    return (
        str(array.id),
        array.name,
        array.application,
        progress_text.short(array.progress),
        progress_text.left(array.progress),
        array.owners[0] if array.owners else "",
    )


def values(array: JobArray) -> Values:
    """Return an array as JSON."""
    about: Values = {
        "array_id": array.id,
        "application": array.application,
        "owners": list(array.owners),
        "submitted": int(array.submitted_at.timestamp()),
        "size": array.size,
    }
    about |= {"job_name": array.name} if array.name else {}
    about |= {"at_most": array.at_most} if array.at_most else {}
    return about | progress_text.values(array.progress)


def _total(reply: Reply, shape: OutputFormat) -> None:
    (found,) = map(progress_in, reply.all("progress"))
    if shape is OutputFormat.JSON:
        output_json.show(output_json.caller(reply) | progress_text.values(found))
    else:
        terminal.show(f"{progress_text.long(found)}\n")
