"""LGI_qdel: delete or abort jobs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from lgi_tools.cli import options, output_json, program, terminal
from lgi_tools.cli.output_json import OutputFormat, Values
from lgi_tools.cli.program import CallError
from lgi_tools.cli.session import UserCalls

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_protocol.reply import Reply

NAME = "LGI_qdel"
_DONE = {
    "deleted": "Job {job} deleted from project {project} on server {server}",
    "aborting": "Aborting job {job} in project {project} on server {server}",
}
_REFUSED = "Could not abort or delete job {job} from project {project} on server {server}"


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option(
    "-y", "--yes", is_flag=True, help="Do not ask for confirmation, even when results would be lost."
)
@click.option("-x", "--xml", "raw", is_flag=True, help="Print the answer of the server as XML.")
@output_json.option
@options.project_options
@options.version
@click.argument("job_ids", nargs=-1, required=True, metavar="JOB_ID...")
@output_json.json_errors
def command(job_ids: tuple[str, ...], yes: bool, raw: bool, as_json: bool, **given: object) -> int:
    """Delete jobs. A running job is aborted first.

    On a terminal the command asks for confirmation before it deletes an ended job that has files on the
    server or belongs to a folder of LGI_task.

    Example: LGI_qdel 7 8
    """
    shape = output_json.shape(raw, as_json)
    for job_id in job_ids:
        if not (job_id.isascii() and job_id.isdigit()):
            raise click.UsageError(f"{job_id!r} is not a job id: it must be a number")
    chosen = options.resolve(given)
    options.require(chosen, NAME, "server", "user", "groups")
    calls = UserCalls(chosen)
    results: list[Values] = []
    # As LGI: without a terminal it deletes without confirmation.
    asks = not yes and terminal.is_attended()
    wanted = [job_id for job_id in job_ids if not asks or _is_confirmed(calls, job_id)]
    done = [_delete(calls, job_id, shape, results) for job_id in wanted]
    if shape is OutputFormat.JSON:
        output_json.show({"jobs": results})
    elif shape is OutputFormat.TEXT:
        terminal.show("\n")
    return 0 if all(done) and len(wanted) == len(job_ids) else 1


def _is_confirmed(calls: UserCalls, job_id: str) -> bool:
    """Ask for confirmation if results would be lost. A job that cannot be read is left to the server."""
    from lgi_tools.client.job import read_details
    from lgi_tools.task import stored_results

    try:
        reply = calls.call("job_state", {"job_id": job_id}, "job")
        reason = stored_results.loss(read_details(reply.all("job")[0]))
    except (CallError, ValueError):
        return True
    question = f"Job {job_id} has ended and {reason}: its results will be lost. Delete it?"
    return not reason or click.confirm(question, err=True)


def _delete(calls: UserCalls, job_id: str, shape: OutputFormat, results: list[Values]) -> bool:
    """Return whether the job is deleted or aborting. Raises CallError when the server does not answer."""
    try:
        reply = calls.call("delete_job", {"job_id": job_id}, "job")
    except CallError as failure:
        if not failure.content:
            raise
        results.append({"job_id": int(job_id), "error": output_json.error(failure)})
        if shape is OutputFormat.XML:
            terminal.show(f"{failure.content}\n")
        elif shape is OutputFormat.TEXT:
            terminal.show(f"\n{terminal.value(str(failure))}\n")
        return False
    state = reply.value("job", "state")
    results.append(output_json.project(reply) | {"job_id": int(job_id), "state": state})
    if shape is OutputFormat.XML:
        terminal.show(f"{reply.content}\n")
    elif shape is OutputFormat.TEXT:
        _say(reply, job_id)
    return state in _DONE


def _say(reply: "Reply", job_id: str) -> None:
    state = reply.value("job", "state")
    text = _DONE.get(state, _REFUSED).format(
        job=terminal.value(reply.value("job", "job_id") or job_id),
        project=terminal.value(reply.value("project")),
        server=terminal.value(reply.value("this_project_server")),
    )
    terminal.show(f"\n{text}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_qdel and return its exit code: 0 only when every job is deleted or aborting."""
    return program.run(command, NAME, arguments)
