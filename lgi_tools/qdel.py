"""LGI_qdel: delete or abort jobs."""

from collections.abc import Sequence

import click

from lgi_protocol.reply import Reply
from lgi_tools import json_text, options, program, terminal
from lgi_tools.json_text import Shape, Values
from lgi_tools.program import CallFailed
from lgi_tools.user_calls import UserCalls

NAME = "LGI_qdel"
_DONE = {
    "deleted": "Job {job} deleted from project {project} on server {server}",
    "aborting": "Aborting job {job} in project {project} on server {server}",
}
_REFUSED = "Could not abort or delete job {job} from project {project} on server {server}"


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@click.option("-x", "--xml", "raw", is_flag=True, help="Print what the server says, as it is.")
@json_text.option
@options.project_options
@options.version
@click.argument("job_ids", nargs=-1, required=True, metavar="JOB_ID...")
@json_text.told
def command(job_ids: tuple[str, ...], raw: bool, as_json: bool, **given: object) -> int:
    """Delete jobs; a job that is running is asked to abort."""
    shape = json_text.shape(raw, as_json)
    for job_id in job_ids:
        if not (job_id.isascii() and job_id.isdigit()):
            raise click.UsageError(f"{job_id!r} is not a job id: it must be a number")
    chosen = options.settled(given)
    options.require(chosen, NAME, "server", "user", "groups")
    calls = UserCalls(chosen)
    told: list[Values] = []
    done = [_delete(calls, job_id, shape, told) for job_id in job_ids]
    if shape is Shape.JSON:
        json_text.show({"jobs": told})
    elif shape is Shape.TEXT:
        terminal.show("\n")
    return 0 if all(done) else 1


def _delete(calls: UserCalls, job_id: str, shape: Shape, told: list[Values]) -> bool:
    """Whether the job is gone or going. A server that cannot be reached ends the program."""
    try:
        reply = calls.call("delete_job", {"job_id": job_id}, "job")
    except CallFailed as failure:
        if not failure.content:
            raise
        told.append({"job_id": int(job_id), "error": json_text.error(failure)})
        if shape is Shape.XML:
            terminal.show(f"{failure.content}\n")
        elif shape is Shape.TEXT:
            terminal.show(f"\n{terminal.value(str(failure))}\n")
        return False
    state = reply.value("job", "state")
    told.append(json_text.project(reply) | {"job_id": int(job_id), "state": state})
    if shape is Shape.XML:
        terminal.show(f"{reply.content}\n")
    elif shape is Shape.TEXT:
        _say(reply, job_id)
    return state in _DONE


def _say(reply: Reply, job_id: str) -> None:
    state = reply.value("job", "state")
    text = _DONE.get(state, _REFUSED).format(
        job=terminal.value(reply.value("job", "job_id") or job_id),
        project=terminal.value(reply.value("project")),
        server=terminal.value(reply.value("this_project_server")),
    )
    terminal.show(f"\n{text}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command LGI_qdel; its exit code is 0 only when every job is deleted or aborting."""
    return program.run(command, NAME, arguments)
