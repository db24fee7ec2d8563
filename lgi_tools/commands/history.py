"""LGI_history and LGI_usage: show the state changes of jobs, and the run time they used."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from lgi_protocol import comma_lists
from lgi_tools.cli import options, output_json, program, terminal
from lgi_tools.cli.numeric_options import MOST
from lgi_tools.cli.output_json import Values
from lgi_tools.cli.param_types import TextParamType
from lgi_tools.cli.session import UserCalls
from lgi_tools.client.text import one_line

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_protocol.reply import Reply

NAME, USAGE_NAME = "LGI_history", "LGI_usage"
COLUMNS = ("month", "name", "application", "resource")


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@output_json.option
@options.project_options
@options.version
@click.argument("job_id", type=click.IntRange(0, MOST - 1), metavar="JOB_ID")
@output_json.json_errors
def command(job_id: int, as_json: bool, **given: object) -> int:
    """Show each change of a job's state with its time (UTC), author and reason, also of a removed job.

    Example: LGI_history 7
    """
    from lgi_protocol import xml
    from lgi_tools.cli import output_tries

    fields = {"job_id": str(job_id), "show": "tries"}
    reply = _call(given, NAME, "job_history", fields, "number_of_changes")
    tries = output_tries.read(reply)
    changes = [_change(found.inside) for found in xml.find_all(reply.content, "change")]
    if as_json:
        more = {"tries": tries} if tries else {}
        output_json.show(output_json.project(reply) | {"job_id": job_id, "changes": changes} | more)
        return 0
    rows = [["time", "state", "by", "for", "why"]]
    for change in changes:
        targets = ", ".join(change["target_resources"])
        rows.append(
            [_time(change["time"]), change["new_state"], change["changed_by"], targets, change["reason"]]
        )
    _table(rows)
    for one in tries:
        terminal.show(f"\nThe end of the output of try {one['number']}, {terminal.value(one['end'])}:\n")
        terminal.show("".join(f"  {one_line(line)}\n" for line in one["output"].splitlines()))
    return 0


def _month_of(text: str) -> int:
    """Return a month as the number YYYYMM. Raises ValueError for any other text."""
    found = re.fullmatch("([0-9]{4})-(0?[1-9]|1[0-2])", text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a month: write year and month, as 2026-11")
    return int(found[1]) * 100 + int(found[2])


@click.command(context_settings=options.CONTEXT)
@click.option("-g", "--of-groups", "of_groups", is_flag=True, help="Show usage by group instead of by user.")
@click.option(
    "--by",
    default="month,name",
    show_default=True,
    metavar="LIST",
    help=f"Columns to sum by, comma-separated: {', '.join(COLUMNS)}.",
)
@click.option(
    "--month", type=TextParamType("month", _month_of), help="Only this month, as 2026-11 (default: all)."
)
@output_json.option
@options.project_options
@options.version
@output_json.json_errors
def usage_command(of_groups: bool, by: str, month: int | None, as_json: bool, **given: object) -> int:
    """Show the number of your jobs that have ended and their run time in hours.

    Administrators see the jobs of all users. Example: LGI_usage --month 2026-11 --by application
    """
    from lgi_protocol import xml

    asked = comma_lists.split(by)
    if not asked or set(asked) - set(COLUMNS):
        raise click.UsageError(f"--by {by!r} must be a comma-separated list of {', '.join(COLUMNS)}")
    fields = {"kind": "group" if of_groups else "user", "by": by}
    if month:
        fields["month"] = str(month)
    reply = _call(given, USAGE_NAME, "usage", fields, "number_of_usages")
    shown = [column for column in COLUMNS if column in asked]
    found = [_used(each.inside, shown) for each in xml.find_all(reply.content, "usage")]
    if as_json:
        output_json.show(output_json.project(reply) | {"kind": fields["kind"], "usage": found})
        return 0
    heads = [fields["kind"] if column == "name" else column for column in shown]
    rows = [[*heads, "jobs", "hours"]]
    for used in found:
        cells = [_month(str(used[column])) if column == "month" else str(used[column]) for column in shown]
        rows.append([*cells, str(used["jobs"]), f"{used['seconds'] / 3600:.2f}"])
    _table(rows)
    return 0


def _call(given: options.Options, name: str, call: str, fields: dict[str, str], expected: str) -> "Reply":
    chosen = options.resolve(given)
    options.require(chosen, name, "server", "user", "groups")
    return UserCalls(chosen).call(call, fields, expected)


def _change(text: str) -> Values:
    from lgi_protocol import xml
    from lgi_protocol.reply import leading_number

    values: Values = {"time": leading_number(xml.value(text, "time"))}
    values |= {
        name: xml.value(text, name)
        for name in ("old_state", "new_state", "changed_by", "reason", "application")
    }
    return values | {
        name: list(comma_lists.split(xml.value(text, name))) for name in ("owners", "target_resources")
    }


def _used(text: str, columns: Sequence[str]) -> Values:
    from lgi_protocol import xml
    from lgi_protocol.reply import leading_number

    values: Values = {column: xml.value(text, column) for column in columns}
    return values | {name: leading_number(xml.value(text, name)) for name in ("jobs", "seconds")}


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _month(number: str) -> str:
    return f"{number[:4]}-{number[4:]}"


def _table(rows: list[list[str]]) -> None:
    """Print a table with columns as wide as their widest value, control characters escaped."""
    shown = [[one_line(value) or "-" for value in row] for row in rows]
    widths = [max(len(row[column]) for row in shown) for column in range(len(shown[0]))]
    for row in shown:
        line = "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True))
        terminal.show(f"{line.rstrip()}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_history and return its exit code."""
    return program.run(command, NAME, arguments)


def usage_main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_usage and return its exit code."""
    return program.run(usage_command, USAGE_NAME, arguments)
