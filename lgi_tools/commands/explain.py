"""LGI_explain: explain why a job does not run, as far as the user may know."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import click

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, ServerError, TransportError
from lgi_protocol.states import State
from lgi_tools.cli import options, output_json, program, selection_options, terminal
from lgi_tools.cli.output_json import Values
from lgi_tools.cli.session import open_project, selected, warn_of_first
from lgi_tools.client.text import one_line
from lgi_tools.commands import explain_waits
from lgi_tools.commands.explain_waits import age
from lgi_tools.commands.wait import line_of

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from lgi_tools.client.explanation import Explanation
    from lgi_tools.client.job import Details, Job
    from lgi_tools.client.project import Project
    from lgi_tools.client.resource import Resource

NAME = "LGI_explain"
# Jobs that are explained at once: each takes two or three calls.
MOST = 500
# A job that is deleted, or that others do not let the user read.
_MISSING = {ErrorNumber.NO_JOB, ErrorNumber.READ_REFUSED}
# By default daemons ask for work every 10 minutes, and their session expires after 30 minutes.
SILENT = timedelta(minutes=30)


@click.command(context_settings=options.CONTEXT, no_args_is_help=True)
@output_json.option
@options.project_options
@selection_options.selection_options
@options.version
@output_json.json_errors
def command(as_json: bool, **given: object) -> int:
    """Show the state of jobs and, for a queued job, which resources of the project can run it.

    JOB_ID is a number, a range as 12-40, or - for the numbers on standard input; options select jobs too.
    Of a job that has failed the last lines of its standard error are shown.

    Example: LGI_explain 7
    """
    words = selection_options.split(given)
    found: list[Values] = []
    with open_project(given, NAME) as project:
        job_ids = selected(project, words, most=MOST)
        warn = partial(warn_of_first, NAME, words, project)
        for job_id in job_ids:
            try:
                found.append(_shown(lines_of(project, job_id, datetime.now(UTC), warn), job_id, as_json))
            except ServerError as error:
                # Others are explained all the same.
                if error.number not in _MISSING or len(job_ids) == 1:
                    raise
                terminal.warn(NAME, f"job {job_id}: {error}")
                found.append({"job_id": job_id} | output_json.refused(error))
    if as_json:
        output_json.show({"jobs": found})
    return 1 if any("error" in one for one in found) else 0


def _shown(text: Sequence[str], job_id: int, as_json: bool) -> Values:
    """Print the explanation of a job, and return it for JSON."""
    lines = list(map(one_line, text))
    if not as_json:
        terminal.show("".join(f"{line}\n" for line in lines))
    return {"job_id": job_id, "message": lines[0], "details": [one.strip() for one in lines[1:]]}


def lines_of(
    project: "Project", job_id: int, now: datetime, seen: "Callable[[Job], object]" = id
) -> list[str]:
    """Return what is known of a job; ``seen`` gets it. Of a locked one there is the explanation only."""
    from lgi_tools.commands import explain_errors, explain_notices

    explanation = _explanation(project, job_id)
    if explanation and explanation.locked_by:
        return [locked(job_id, explanation, now)]
    job = project.job(job_id)
    seen(job)
    resources = project.resources() if job.state == State.QUEUED else ()
    told = explain_notices.lines(explanation.notices if explanation else None)
    why = explained(job, resources, now, explanation)
    return [*why, *told, *explain_errors.last_lines(project, job)]


def locked(job_id: int, explanation: "Explanation", now: datetime) -> str:
    """Return who has a job locked, and for how long already."""
    duration = f" for {age(now - explanation.locked_since)}" if explanation.locked_since else ""
    return f"job {job_id} has been locked by {explanation.locked_by}{duration}: {explanation.message}"


def _explanation(project: "Project", job_id: int) -> "Explanation | None":
    """Return the server's explanation; None from a server that does not support the call."""
    from lgi_tools.client.interface_calls import is_unknown_call

    try:
        return project.explain(job_id)
    except TransportError as error:
        if is_unknown_call(error):
            return None
        raise


def explained(
    job: "Details", resources: "Sequence[Resource]", now: datetime, explanation: "Explanation | None" = None
) -> Iterator[str]:
    """Yield lines on the state of a job and its reasons, from the server's explanation and its lists."""
    from lgi_protocol import capabilities

    if job.ended:
        yield f"job {line_of(job)}"
        return
    duration = f"for {age(now - job.changed)}"
    if job.state != State.QUEUED:
        yield f"job {job.id} has been {job.state} {duration} at {comma_lists.join(job.targets)}"
        yield from explain_waits.on_resource(explanation, now)
        return
    able = [
        one
        for one in resources
        if can_take(job, one)
        and not (explanation and explain_waits.exclusion(explanation, one.name, now))
        and one.drained_since is None
        and not is_silent(one, now)
        and not capabilities.unavailable_reason(one.capabilities, job.application)
    ]
    if explanation and explanation.holds:
        number = f" for {job.shown_try}" if job.tried else ""
        yield f"job {job.id} has been queued {duration}{number}, but is held: no resource gets it"
        yield from (explain_waits.hold(job.id, one, now) for one in explanation.holds)
        if job.deadline:
            yield f"  {explain_waits.deadline(job, job.deadline - now)}"
        yield from explain_waits.waits(explanation)
        return
    yield (
        f"job {job.id} has been queued {duration}: "
        f"{explanation.message if explanation else summary(job, resources, len(able))}"
    )
    if job.deadline:
        yield f"  {explain_waits.deadline(job, job.deadline - now)}"
    if job.urgent:
        yield f"  it is urgent, by the right of {job.urgent}: resources get it before all other jobs"
    if job.priority:
        yield f"  it has priority {job.priority} among the queued jobs of its user"
    yield from explain_waits.on_resource(explanation, now)
    yield from explain_waits.in_its_way(explanation) if explanation else ()
    for one in sorted(resources, key=lambda one: (one not in able, one.name)):
        runs = explanation.running.get(one.name, 0) if explanation else 0
        at_work = f"; currently runs {runs} jobs of {job.application}" if runs else ""
        why = (explanation and explain_waits.exclusion(explanation, one.name, now)) or reason(job, one, now)
        yield f"  {one.name}: {why}{at_work}"


def summary(job: "Job", resources: "Sequence[Resource]", able: int) -> str:
    """Return what a queued job waits for. ``able`` is the number of resources that can run it."""
    if able:
        requests = f"; its requests: {job.specifics}" if job.specifics else ""
        return f"{able} of {len(resources)} resources accept such jobs, but may be full{requests}"
    if not any(job.application in one.applications for one in resources):
        return f"no resource offers {job.application}"
    return "no resource can currently run it"


def can_take(job: "Job", resource: "Resource") -> bool:
    """Return whether the resource can run the job, according to the project's lists."""
    from lgi_protocol import capabilities

    return is_for(job, resource) and not capabilities.missing_capability(
        resource.capabilities, job.application, job.specifics
    )


def is_for(job: "Job", resource: "Resource") -> bool:
    """Return whether the job may run on the resource and the resource offers its application."""
    return comma_lists.contains_any(job.targets, [resource.name]) and job.application in resource.applications


def closures(resource: "Resource") -> list[str]:
    """Return for which applications a resource takes no jobs now, and why, as it says."""
    from lgi_protocol import capabilities

    names = resource.applications
    reasons = [(name, capabilities.unavailable_reason(resource.capabilities, name)) for name in names]
    return [f"takes no {name}: {why}" for name, why in reasons if why]


def is_silent(resource: "Resource", now: datetime) -> bool:
    """Return whether the resource has not called for `SILENT` and so may be down."""
    return now - resource.last_call > SILENT


def reason(job: "Job", resource: "Resource", now: datetime) -> str:
    """Return whether the resource can run the job, or the reason why not, as the end of a sentence."""
    from lgi_protocol import capabilities

    if job.application not in resource.applications:
        return f"does not offer {job.application}"
    if not is_for(job, resource):
        return f"is not one of the job's targets, {comma_lists.join(job.targets)}"
    if lacks := capabilities.missing_capability(resource.capabilities, job.application, job.specifics):
        return lacks
    if resource.drained_since is not None:
        why = f": {resource.drain_reason}" if resource.drain_reason else ""
        return f"is drained since {age(now - resource.drained_since)}{why}"
    last_call = f"last call {age(now - resource.last_call)} ago"
    if is_silent(resource, now):
        return f"may be down: {last_call}"
    if why := capabilities.unavailable_reason(resource.capabilities, job.application):
        return f"takes no jobs of {job.application} now: {why}; {last_call}"
    slots = explain_waits.slots(resource, now)
    return f"accepts such jobs, but may be full, or its local limits may refuse this one; {slots}{last_call}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run LGI_explain and return its exit code: 0 when all jobs exist."""
    return program.run(command, NAME, arguments)
