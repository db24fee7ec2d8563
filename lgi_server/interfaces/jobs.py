"""The calls by which users read and delete jobs (wire.md 7)."""

from lgi_protocol import comma_lists
from lgi_protocol.xml import Element
from lgi_server.api import end_fields, fields, job_outcomes, list_filters
from lgi_server.api.context import InterfaceContext
from lgi_server.api.responses import Elements
from lgi_server.background.long_poll_users import KnownJobState
from lgi_server.interfaces import selections
from lgi_server.services.jobs import deletion, holds, updates
from lgi_server.tables.job_queue import listing

DEFAULT_LIMIT, MOST = 128, 4096


def interface_job_state(call: InterfaceContext) -> Elements:
    """Return all details of one job, or a list of jobs, or (limit 0) their number.

    With ``wait`` (ours) and a job_id the answer comes when the state is no longer the posted one, or, without
    a posted state, when the job has ended; at the latest after so many seconds.
    """
    job_id = call.form.number_or(fields.LISTED_JOB_ID, -1)
    if job_id < 0:
        return _list(call)
    job = updates.read_by_user(call.transaction, call.user, job_id)
    if call.form.has(fields.WAIT.name):
        known = KnownJobState(call.user.name, job_id, call.form.line(fields.LISTED_STATE))
        if known.is_current(job.state):
            call.wait_for(known)
    shown = call.form.names(fields.SHOW)
    if "holds" in shown:
        (job,) = holds.with_holds(call.transaction, [job])
    return (*call.header(), Element("number_of_jobs", 1), call.answers.details(job, 1, shown))


def _list(call: InterfaceContext) -> Elements:
    state = _posted_or_any(call, fields.LISTED_STATE)
    application = _posted_or_any(call, fields.LISTED_APPLICATION)
    start = call.form.number_or(fields.START, 0)
    limit = min(call.form.number_or(fields.LIMIT, DEFAULT_LIMIT), MOST)
    ended = end_fields.result_filter(call.form)
    selection = selections.read(call, ended)
    header = (
        *call.header(),
        Element("state", state),
        Element("application", application),
        *((Element("ended", ended or comma_lists.ANY),) if call.form.has(fields.ENDED.name) else ()),
        *list_filters.repeated(call.form),
        Element("start", start),
        Element("limit", limit),
    )
    if limit == 0:
        return (*header, Element("number_of_jobs", listing.count(call.transaction, selection)))
    found, shown = listing.select(call.transaction, selection, start, limit), call.form.names(fields.SHOW)
    if "holds" in shown:
        found = holds.with_holds(call.transaction, found)
    return (
        *header,
        Element("number_of_jobs", len(found)),
        *call.answers.listed(found, shown),
    )


def _posted_or_any(call: InterfaceContext, field: fields.Field) -> str:
    """Return a filter for the answer. # As LGI: one that is posted empty is empty there, not "any"."""
    return call.form.line(field) if call.form.has(field.name) else comma_lists.ANY


def interface_delete_job(call: InterfaceContext) -> Elements:
    """Delete a job, or have it aborted."""
    job_id = call.form.number(fields.JOB_ID)
    job = deletion.delete_by_user(call.transaction, call.user, job_id, call.store, call.now)
    return (*call.header(), Element("number_of_jobs", 1), call.answers.deleted(job))


def interface_delete_jobs(call: InterfaceContext) -> Elements:
    """Delete jobs, or have them aborted."""
    numbers = list_filters.numbers(call.form, call.runtime.config.max_jobs_at_once)
    outcomes = deletion.delete_all_by_user(call.transaction, call.user, numbers, call.store, call.now)
    return job_outcomes.answer(call, numbers, outcomes)
