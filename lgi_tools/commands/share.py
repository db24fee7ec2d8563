"""LGI_share: let others read jobs, or change them, or take that away."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from lgi_protocol import comma_lists
from lgi_tools.cli import options, output_json, program, selection_options, terminal
from lgi_tools.cli.session import open_project, selected

if TYPE_CHECKING:
    # Slow to load: only its fields are read.
    from lgi_tools.client.share_calls import ShareOutcome

NAME = "LGI_share"


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option(
    "--with",
    "given",
    default="",
    metavar="LIST",
    help="Users and groups that may read the jobs and their files, comma-separated (default: none).",
)
@click.option("--write", is_flag=True, help="These may also change and delete the jobs and their files.")
@click.option(
    "--unshare",
    "removed",
    default="",
    metavar="LIST",
    help="Users and groups that may do so no more, comma-separated (default: none).",
)
@output_json.option
@options.project_options
@selection_options.selection_options
@options.version
@output_json.json_errors
def command(given: str, write: bool, removed: str, as_json: bool, **chosen: object) -> int:
    """Share jobs and their files with other users and groups, or end that.

    JOB_ID is a number, a range as 12-40, or - for the numbers on standard input; options select jobs too.
    Owners keep their access. Prints who may read and who may change each job.

    Example: LGI_share --name sweep --with bob@laptop,science
    """
    names, unshared = comma_lists.split(given), comma_lists.split(removed)
    if not names and not unshared:
        raise click.UsageError("say with whom: --with NAMES, or --unshare NAMES")
    if both := set(names).intersection(unshared):
        raise click.UsageError(f"{min(both)} is named by --with and by --unshare")
    if write and not names:
        raise click.UsageError("--write is for the names of --with")
    words = selection_options.split(chosen)
    with open_project(chosen, NAME) as project:
        job_ids = selected(project, words)
        outcomes = project.unshare(job_ids, unshared) if unshared else []
        failed = {one.job_id for one in outcomes if one.error}
        if names:
            outcomes = [one for one in outcomes if one.error] + project.share(
                [job_id for job_id in job_ids if job_id not in failed], names, write=write
            )
    for name in dict.fromkeys(name for one in outcomes for name in one.unknown):
        terminal.warn(NAME, f"warning: no job and no rule of the project has {name!r}: is it spelt right?")
    _show(outcomes, as_json)
    return 1 if any(one.error for one in outcomes) else 0


def _show(outcomes: "Sequence[ShareOutcome]", as_json: bool) -> None:
    for one in outcomes:
        if one.error:
            terminal.warn(NAME, f"job {one.job_id}: {one.error}")
        elif not as_json:
            readers, writers = comma_lists.join(one.readers), comma_lists.join(one.writers)
            terminal.show(f"{one.job_id} read: {terminal.value(readers)}; write: {terminal.value(writers)}\n")
    if as_json:
        output_json.show({"jobs": [_shown(one) for one in outcomes]})


def _shown(one: "ShareOutcome") -> dict[str, Any]:
    if one.error:
        return {"job_id": one.job_id} | output_json.refused(one.error)
    return {"job_id": one.job_id, "read_access": list(one.readers), "write_access": list(one.writers)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_share and return its exit code: 0 only when the access to all selected jobs is as wanted."""
    return program.run(command, NAME, arguments)
