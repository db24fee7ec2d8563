"""LGI_qstat: list jobs, show one job, list the servers and resources of a project."""

from collections.abc import Sequence

import click

from lgi_tools.cli import completion, options, output_json, program, selection_options, terminal
from lgi_tools.cli.numeric_options import COUNT
from lgi_tools.cli.output_json import OutputFormat, Values
from lgi_tools.cli.param_types import STATE
from lgi_tools.cli.program import CallError
from lgi_tools.cli.session import UserCalls, translate_errors

NAME = "LGI_qstat"


@click.command(context_settings=options.CONTEXT)
@click.option(
    "-a",
    "--application",
    default="",
    shell_complete=completion.complete_applications,
    metavar="NAME",
    help="Only jobs of this application; !NAME: of all others (default: any).",
)
@click.option(
    "-s",
    "--state",
    type=STATE,
    default="",
    shell_complete=completion.complete_states,
    metavar="STATE",
    help="Only jobs in this state: queued, held, running, aborting, finished or aborted; !STATE: in all"
    " others (default: any).",
)
@click.option("--succeeded", is_flag=True, help="Only finished jobs with exit code 0.")
@click.option(
    "--failed",
    is_flag=True,
    help="Only aborted jobs, and jobs that ended with another exit code or by a signal.",
)
@click.option("--unknown", is_flag=True, help="Only finished jobs with unknown exit code.")
@click.option(
    "-n",
    "--newest",
    type=COUNT,
    metavar="N",
    help="Only the N most recently changed jobs (default: all).",
)
@selection_options.other_options
@click.option(
    "--long",
    "is_long",
    is_flag=True,
    help="List name, state with exit code, where it runs, times, what it used, owner and labels; with -L a "
    "line for each resource.",
)
@click.option(
    "--arrays",
    is_flag=True,
    help="List each array of jobs on one line, with its progress, before all other jobs.",
)
@click.option("--total", is_flag=True, help="Show only how many jobs ended how, and the time that is left.")
@click.option("-x", "--xml", "raw", is_flag=True, help="Print the answer of the server as XML.")
@output_json.option
@click.option("-cnt", "--count", is_flag=True, help="Print only the number of jobs.")
@click.option("-l", "--servers", is_flag=True, help="List the project's servers.")
@click.option("-L", "--resources", is_flag=True, help="List resources, their machines, and licences.")
@options.project_options
@options.version
@click.argument("job_ids", nargs=-1, shell_complete=completion.complete_ids, metavar="[JOB_ID]...")
@output_json.json_errors
def command(
    *,
    application: str,
    state: str,
    succeeded: bool,
    failed: bool,
    unknown: bool,
    newest: int | None,
    is_long: bool,
    raw: bool,
    as_json: bool,
    count: bool,
    arrays: bool,
    total: bool,
    servers: bool,
    resources: bool,
    job_ids: tuple[str, ...],
    **given: object,
) -> int:
    """List jobs, or show all details of the job JOB_ID.

    Of several JOB_IDs the last one is shown. Those of a range as 12-40, those on standard input (-), and
    those with options that select jobs are listed, as far as all that is given holds.

    Example: LGI_qstat --failed --label kind=sweep --long
    """
    from lgi_tools.client.job_end import Outcome
    from lgi_tools.client.selection import state_fields
    from lgi_tools.commands import qstat_arrays, qstat_list, qstat_long

    shape = output_json.shape(raw, as_json)
    asked = {Outcome.SUCCEEDED: succeeded, Outcome.FAILED: failed, Outcome.UNKNOWN: unknown}
    outcomes = [outcome for outcome, is_asked in asked.items() if is_asked]
    words = selection_options.split(given) | {"words": job_ids}
    listing = bool(application or state or count or outcomes or newest or arrays or total)
    listing |= is_long and not resources
    more = not selection_options.is_plain(words) or (bool(job_ids) and listing)
    _refuse_mixture(bool(job_ids), servers or resources, listing or more)
    _refuse_choice(len(outcomes), bool(newest or count), bool(newest and count))
    chosen_by = bool(application or state or outcomes or more or job_ids)
    qstat_arrays.refuse_mixture(arrays, total, bool(count or newest or is_long or raw), chosen_by)
    chosen = options.resolve(given)
    options.require(chosen, NAME, "server", "user", "groups")
    calls = UserCalls(chosen)
    if servers or resources:
        show_project(calls, servers, resources, shape, is_long=is_long)
        return 0
    if job_ids and not (more or total):
        # As LGI: of several ids the last one counts.
        return show_job(calls, job_ids[-1], shape)
    wanted = {"application": application, "ended": "".join(outcomes)}
    fields = {name: text for name, text in (wanted | state_fields(state)).items() if text}
    if more or total:
        with translate_errors():
            fields |= selection_options.selection(words, chosen.user, default_all=total).fields()
    if arrays or total:
        qstat_arrays.show(calls, fields, shape, arrays=arrays)
    elif is_long and shape is OutputFormat.TEXT:
        qstat_long.show(calls, fields, newest or 0)
    elif count:
        qstat_list.count(calls, fields, shape)
    else:
        meant = qstat_list.ended(outcomes[0]) if outcomes else qstat_list.everything
        qstat_list.show(calls, fields, shape, newest or 0, meant)
    return 0


def _refuse_mixture(has_ids: bool, project: bool, listing: bool) -> None:
    if has_ids and project:
        raise click.UsageError("a job id cannot be combined with -l and -L")
    if project and listing:
        raise click.UsageError("-l and -L cannot be combined with -cnt or options that select jobs")


def _refuse_choice(endings: int, others: bool, both: bool) -> None:
    if endings > 1 or (endings and others):
        raise click.UsageError(
            "--succeeded, --failed and --unknown cannot be combined with each other or with -n, -cnt"
        )
    if both:
        raise click.UsageError("-n cannot be combined with -cnt")


def show_job(calls: UserCalls, job_id: str, shape: OutputFormat) -> int:
    """Show all details of one job. Returns the exit code."""
    from lgi_tools.cli.output_text import (
        data_line,
        end_lines,
        job_lines,
        label_lines,
        queue_lines,
        repository_line,
        usage_lines,
    )
    from lgi_tools.client.selection import SHOW

    try:
        more = {} if shape is OutputFormat.XML else SHOW
        reply = calls.call("job_state", {"job_id": job_id} | more, "job")
    except CallError as failure:
        if shape is not OutputFormat.XML or not failure.content:
            raise
        terminal.show(f"{failure.content}\n")
        return 1
    if shape is OutputFormat.JSON:
        output_json.show(output_json.caller(reply) | {"job": _details(calls, reply.all("job")[0])})
        return 0
    if shape is OutputFormat.XML:
        terminal.show(f"{reply.content}\n")
        return 0
    terminal.show("\n" + job_lines(reply, write_first=True))
    found = reply.all("job")[0]
    terminal.show(end_lines(found) + usage_lines(found) + queue_lines(found) + label_lines(found))
    terminal.show(data_line("Input", reply, "input"))
    terminal.show(data_line("Output", reply, "output"))
    terminal.show(repository_line(reply) + "\n")
    return 0


def _details(calls: UserCalls, text: str) -> Values:
    """Return a job for JSON, with the tries that it had before."""
    values = output_json.details(text)
    if values.get("tried"):
        from lgi_tools.cli import output_tries

        values["tries"] = output_tries.fetch(calls.call, values["job_id"])
    return values


def show_project(
    calls: UserCalls, servers: bool, resources: bool, shape: OutputFormat, *, is_long: bool = False
) -> None:
    """Show the servers of the project, its resources, or both; with ``is_long`` a line for each resource."""
    from lgi_tools.cli.output_text import licence_lines, line, project_lines
    from lgi_tools.commands import qstat_resources

    values: Values = {}
    if servers:
        reply = calls.call("project_server_list")
        slaves = [url.strip() for url in reply.all("project_server")]
        values |= output_json.project(reply) | {"project_servers": slaves}
        if shape is not OutputFormat.JSON:
            lines = "".join(line("Project slave server", url) for url in slaves)
            ending = "" if resources else "\n"
            text = f"\n{project_lines(reply)}{lines}{ending}"
            terminal.show(f"{reply.content}\n" if shape is OutputFormat.XML else text)
    if resources:
        reply = calls.call("project_resource_list")
        found = reply.all("resource")
        values |= output_json.project(reply) | {"resources": [output_json.resource(text) for text in found]}
        licences = reply.all("licence")
        if licences:
            values["licences"] = [output_json.licence(text) for text in licences]
        if shape is not OutputFormat.JSON:
            heading = "" if servers else f"\n{project_lines(reply)}"
            listed = qstat_resources.table(found) if is_long else qstat_resources.lines(found)
            text = heading + listed + licence_lines(licences)
            terminal.show(f"{reply.content}\n" if shape is OutputFormat.XML else f"{text}\n")
    if shape is OutputFormat.JSON:
        output_json.show(values)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_qstat and return its exit code: 0 only when all requested data was shown."""
    return program.run(command, NAME, arguments)
