"""LGI_qdel: delete or abort jobs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import click

from lgi_tools.cli import first_elements, options, output_json, program, selection_options, terminal
from lgi_tools.cli.output_json import OutputFormat, Values
from lgi_tools.cli.program import CallError
from lgi_tools.cli.progress import ProgressBar
from lgi_tools.cli.session import UserCalls, plain_numbers, refused, translate_errors

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_protocol.reply import Reply
    from lgi_tools.client.delete_calls import DeleteOutcome
    from lgi_tools.client.selection import Selection

NAME = "LGI_qdel"
# Of the longest number of a job: a longer one is no job, which the server says.
_DIGITS = 9
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
@selection_options.selection_options
@options.version
@output_json.json_errors
def command(yes: bool, raw: bool, as_json: bool, **given: object) -> int:
    """Delete jobs. A running job is aborted first.

    JOB_ID is a number, a range as 12-40, or - for the numbers on standard input; options select jobs too.
    On a terminal the command asks for confirmation before it deletes jobs that it has selected, and an ended
    job that has files on the server or belongs to a folder of LGI_task. Elsewhere a selection needs --yes.

    Example: LGI_qdel 7 8
    """
    shape = output_json.shape(raw, as_json)
    words = selection_options.split(given)
    is_plain = bool(words["words"]) and selection_options.is_plain(words)
    chosen = options.resolve(given)
    asked = None if is_plain else selection_options.selection(words, chosen.user)
    if asked and not yes and not terminal.is_attended():
        raise click.UsageError(
            "cannot ask for confirmation without a terminal: give --yes to delete a selection"
        )
    options.require(chosen, NAME, "server", "user", "groups")
    calls = UserCalls(chosen)
    results: list[Values] = []
    # As LGI: without a terminal it deletes without confirmation.
    asks = not yes and terminal.is_attended()
    if asked is None:
        job_ids = list(dict.fromkeys(word.lstrip("0") or "0" for word in words["words"]))
        first_elements.warn(NAME, calls, plain_numbers(words))
        wanted = [one for one in _counted(job_ids, "asking", asks) if not asks or _is_confirmed(calls, one)]
    else:
        job_ids = wanted = _selected(calls, asked, words, chosen.user, asks)
    # Where each job is printed on the terminal, that shows how far it is.
    is_silent = shape is OutputFormat.JSON or not terminal.is_watched()
    if shape is OutputFormat.XML or len(wanted) < 2 or any(len(one) > _DIGITS for one in wanted):
        done = [_delete(calls, one, shape, results) for one in _counted(wanted, "deleting", is_silent)]
    else:
        done = _delete_all(calls, wanted, shape, results, is_silent)
    if shape is OutputFormat.JSON:
        output_json.show({"jobs": results})
    elif shape is OutputFormat.TEXT:
        terminal.show("\n")
    return 0 if all(done) and len(done) == len(job_ids) else 1


def _counted(job_ids: Sequence[str], label: str, is_shown: bool) -> Iterator[str]:
    """Yield the numbers; if it is shown, a bar on a terminal says how many of them are done."""
    with closing(ProgressBar(label)) as bar:
        for done, job_id in enumerate(job_ids):
            if is_shown:
                bar(done, len(job_ids))
            yield job_id


def _selected(
    calls: UserCalls, asked: "Selection", words: options.Options, user: str, asks: bool
) -> list[str]:
    """Return the numbers of the selected jobs, after a question. Raises Abort, ClickException for none."""
    from lgi_tools.client.selected_jobs import selected_jobs

    with translate_errors():
        found = list(
            selected_jobs(
                lambda fields: calls.call("job_state", dict(fields), "number_of_jobs", "job"),
                calls.server,
                asked,
            )
        )
    found = selection_options.only_own(words, user, found)
    if asks:
        counted = selection_options.counted([job.state for job in found])
        lost = "; the results of those that have ended are lost" if any(job.ended for job in found) else ""
        click.confirm(f"Delete or abort {counted} jobs{lost}?", err=True, abort=True)
    return [str(job.id) for job in found]


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
        _say(reply, reply.value("job", "job_id") or job_id, state)
    return state in _DONE


def _delete_all(
    calls: UserCalls, job_ids: Sequence[str], shape: OutputFormat, results: list[Values], is_shown: bool
) -> list[bool]:
    """Return, as `_delete` does for each, which of several jobs are deleted or aborting."""
    from lgi_tools.client.delete_calls import delete_jobs

    replies: list[Reply] = []

    def call(name: str, fields: Mapping[str, str]) -> "Reply":
        replies.append(calls.attempt(name, fields))
        return replies[-1]

    done: list[bool] = []
    with translate_errors(calls.server), closing(ProgressBar("deleting")) as bar:
        for one in delete_jobs(call, calls.server, [int(job_id) for job_id in job_ids]):
            if is_shown:
                bar(len(done), len(job_ids))
            results.append({"job_id": one.job_id} | _outcome(one, replies))
            if shape is OutputFormat.TEXT and one.error:
                terminal.show(f"\n{terminal.value(str(refused(calls.server, one.error)))}\n")
            elif shape is OutputFormat.TEXT:
                _say(replies[-1], str(one.job_id), one.state)
            done.append(one.is_done)
    return done


def _outcome(one: "DeleteOutcome", replies: "Sequence[Reply]") -> Values:
    if one.error:
        return output_json.refused(one.error)
    return output_json.project(replies[-1]) | {"state": one.state}


def _say(reply: "Reply", job_id: str, state: str) -> None:
    text = _DONE.get(state, _REFUSED).format(
        job=terminal.value(job_id),
        project=terminal.value(reply.value("project")),
        server=terminal.value(reply.value("this_project_server")),
    )
    terminal.show(f"\n{text}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_qdel and return its exit code: 0 only when every job is deleted or aborting."""
    return program.run(command, NAME, arguments)
