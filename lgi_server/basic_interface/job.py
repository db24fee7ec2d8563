"""The page of a job: its data, input, output, files and history."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus

from lgi_protocol import comma_lists, states
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.job_end import End, Result
from lgi_protocol.states import State
from lgi_server.background.timestamp_batcher import Timestamp
from lgi_server.basic_interface import (
    deadline_fields,
    file_tree,
    filters,
    job_commands,
    job_description,
    job_facts,
    job_python,
    job_reruns,
    responses,
)
from lgi_server.basic_interface.registry import AfterCommit, Answer, Download, PageContext, Template
from lgi_server.runtime import Runtime
from lgi_server.services.jobs import explanation, history, holds, live_output, sharing, updates, wait_reasons
from lgi_server.services.jobs.live_output import OutputView
from lgi_server.services.jobs.verdicts import MESSAGES
from lgi_server.storage import repository
from lgi_server.storage.repository import NoSuchFileError
from lgi_server.tables import job_retries
from lgi_server.tables.job_holds import USER
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.job_queue.positions import MOST
from lgi_server.tables.job_retries import Try

# The file with the errors of a job, of which the begin is read unless it can be read from its end.
ERRORS, MOST_ERRORS = repository.STREAMS[1], 64 * 1024


def job(visit: PageContext, job_id: int) -> Answer:
    """Return the page of a job, or the history of a deleted one."""
    try:
        found = seen(visit, job_id)
    except LGIError as refused:
        return _gone(visit, job_id, refused)
    return _page(visit, found, {})


def job_again(visit: PageContext, refused: LGIError, job_id: int, *, at_fault: str) -> Answer:
    """Return the page of a job with the error of one of its forms, and with what was typed there."""
    typed = {name: value for name, value in visit.posted.items() if name != "token"}
    found = seen(visit, job_id)
    values = {
        "refused": refused,
        "at_fault": at_fault,
        "typed": {**deadline_fields.values(found, visit.now), **typed},
    }
    return _page(visit, found, values, responses.status_of(refused))


def _page(
    visit: PageContext, found: JobRow, more: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK
) -> Answer:
    (found,) = holds.with_holds(visit.transaction, [found])
    tail = _tail(visit, found)
    targets = history.first_targets(visit.transaction, found)
    description = job_description.of_job(found, targets)
    changes = history.of_job(visit.transaction, visit.user, found.job_id, visit.visitor.server.config)
    values = {
        "job": found,
        "input": filters.content(found.input),
        "output": filters.content(found.output),
        "tail": filters.ending(tail.data, tail.offset) if tail else None,
        "progress": tail.progress if tail else 0,
        "tries": _tries(visit, found),
        "changes": changes,
        "waits": _explanation(visit, found),
        "resource_wait": None if states.has_ended(found.state) else wait_reasons.of_changes(changes),
        **job_reruns.values(visit, found),
        "requests": job_facts.requests(found),
        "times": job_facts.times(found, visit.now),
        "steps": job_facts.timeline(changes, visit.now),
        "width": job_facts.WIDTH,
        "as_shell": job_commands.shell(description),
        "as_python": job_python.python(description),
        "request_id": secrets.token_urlsafe(16),
        "may_change": may_change(visit, found),
        "has_ended": states.has_ended(found.state),
        "kept_until": _end_of_keeping(visit, found),
        "is_held": any(one.reason == USER for one in found.holds),
        "removable": states.removable(found.state),
        "shares": sharing.shares_of(found, visit.visitor.server.config.admin_group),
        "is_owner": comma_lists.contains_any(found.owners, visit.user.names),
        "now": visit.now,
        "typed": deadline_fields.values(found, visit.now),
        **more,
    }
    cause, note = job_facts.cause_and_note(found.end.reason)
    values |= {"cause": cause, "note": note}
    server = visit.visitor.server

    def finish() -> Template:
        last = {"last_line": _last_line(server, found)}
        return Template("basic_interface/job.html", {**values, **files_of(server, found), **last}, status)

    return AfterCommit(finish)


def _last_line(server: Runtime, found: JobRow) -> str:
    """Return the last line that a job which failed has written, as an error if there is one."""
    if found.ended != Result.FAILED:
        return ""
    data = b""
    if server.config.remote is None and found.repository:
        with (
            suppress(LGIError, NoSuchFileError, OSError),
            server.store.open(found.repository, ERRORS) as opened,
        ):
            data = opened.read(MOST_ERRORS)
            if len(data) == MOST_ERRORS and opened.seekable():
                opened.seek(-job_facts.LAST_BYTES, os.SEEK_END)
                data = opened.read(job_facts.LAST_BYTES)
    return job_facts.last_line(data) or job_facts.last_line(found.output)


def _end_of_keeping(visit: PageContext, found: JobRow) -> int:
    """Return the time in seconds after which a job that has ended is deleted, 0 for never."""
    keep = visit.visitor.server.config.projects[visit.visitor.project].keep_finished
    return found.state_time_stamp + keep if keep and found.ended else 0


def seen(visit: PageContext, job_id: int) -> JobRow:
    """Return a job that the user may read; LGIError NO_JOB for any other, existing or not."""
    with hidden(job_id):
        return updates.seen_by_user(visit.transaction, visit.user, job_id)


@contextmanager
def hidden(job_id: int) -> Iterator[None]:
    """Raise LGIError NO_JOB in place of READ_REFUSED, so that users cannot find out about jobs of others."""
    try:
        yield
    except LGIError as refused:
        if refused.number != ErrorNumber.READ_REFUSED:
            raise
        raise LGIError(ErrorNumber.NO_JOB, f"job {job_id}") from None


def _gone(visit: PageContext, job_id: int, refused: LGIError) -> Template:
    """Return the history of a deleted job if the user may read it, or raise ``refused``."""
    with hidden(job_id):
        changes = history.of_job(visit.transaction, visit.user, job_id, visit.visitor.server.config)
    if not changes or changes[-1].new_state != states.DELETED:
        raise refused
    values = {"job_id": job_id, "changes": changes}
    return Template("basic_interface/job_gone.html", values, HTTPStatus.NOT_FOUND)


def _explanation(visit: PageContext, found: JobRow) -> dict[str, object]:
    """For a queued job, why it does not run, how many come before it, and which resources take none now."""
    if found.state != State.QUEUED:
        return {}
    project = visit.visitor.server.config.projects[visit.visitor.project]
    said = explanation.explain(visit.transaction, visit.user, found.job_id, project, visit.now)
    return {
        "reason": MESSAGES[said.reason],
        "before": said.before,
        "most": said.before >= MOST,
        "needs": said.needs,
        "verdicts": job_facts.verdicts(said),
    }


def _tries(visit: PageContext, found: JobRow) -> list[tuple[Try, str, filters.Content, Mapping[str, str]]]:
    """Return the earlier tries of a job, which have failed: how each ended, its output and what it used."""
    if not found.tried:
        return []
    return [
        (
            one,
            End(one.exit_code, one.exit_signal, one.end_reason).text(one.state),
            filters.ending(one.output, 0),
            one.usage.lines(found.job_specifics, one.seconds),
        )
        for one in job_retries.tries(visit.transaction, found.job_id)
    ]


def _tail(visit: PageContext, found: JobRow) -> OutputView | None:
    """Return the live output of a running job, None for other jobs, and store that it is watched."""
    if states.normalized(found.state) not in {State.RUNNING, State.ABORTING}:
        return None
    visit.visitor.server.projects[visit.visitor.project].timestamps.add(
        (Timestamp.JOB_WATCH, found.job_id), visit.now
    )
    return live_output.view(visit.transaction, visit.user, found.job_id, 0)


def may_change(visit: PageContext, found: JobRow) -> bool:
    """Return whether the page has forms for changes; the services check what they post."""
    return comma_lists.contains_any(found.write_access, visit.user.names)


def files_of(server: Runtime, found: JobRow) -> dict[str, object]:
    """Return the files of a job and their address, as values for the template.

    On another host this may take some time, or fail.
    """
    if not found.repository:
        return {"files": []}
    address = server.repositories.url(found.repository)
    if server.config.remote is None:
        address = f"{server.config.prefix}/repository/{repository.relative_path(found.repository)}"
    try:
        content = server.repositories.content(found.repository)
    except LGIError as error:
        return {"files": [], "files_fault": error.message}
    files = [one for one in content if one.name != repository.ACCESS_FILE]
    return {
        "files": files[: filters.MOST_FILES],
        "folder": file_tree.tree(files[: filters.MOST_FILES]),
        "more_files": len(files[filters.MOST_FILES :]),
        "files_at": address,
        "files_are_here": server.config.remote is None,
    }


def job_input(visit: PageContext, job_id: int) -> Answer:
    """Return a job's input as a file."""
    return Download(f"job_{job_id}_input", seen(visit, job_id).input)


def job_output(visit: PageContext, job_id: int) -> Answer:
    """Return a job's output as a file."""
    return Download(f"job_{job_id}_output", seen(visit, job_id).output)


def job_tail(visit: PageContext, job_id: int) -> Answer:
    """Return the end of what a running job has put out so far as a file."""
    tail = _tail(visit, seen(visit, job_id))
    return Download(f"job_{job_id}_output", tail.data if tail else b"")
