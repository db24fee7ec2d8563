"""The calls of users (wire.md 7), each named as in its URL."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from lgi_protocol import comma_lists
from lgi_protocol.xml import Element
from lgi_server.api import end_fields, fields, responses
from lgi_server.api.context import InterfaceContext
from lgi_server.api.fields import Form
from lgi_server.api.registry import interface_call
from lgi_server.api.responses import Elements
from lgi_server.background.long_poll_jobs import KnownJobState
from lgi_server.services.access import principals
from lgi_server.services.jobs import bulk_submission, licences, submission, updates
from lgi_server.services.jobs.submission import JobPayload, SubmitRequest
from lgi_server.storage.base import Upload
from lgi_server.tables import active_resources
from lgi_server.tables.active_resources import NO_SERVER
from lgi_server.tables.job_queue import listing
from lgi_server.tables.job_queue.listing import Selection

DEFAULT_LIMIT, MOST = 128, 4096


@interface_call(takes_files=True)
def interface_submit_job(call: InterfaceContext) -> Elements:
    """Queue a job."""
    wanted = _wanted(call, call.form, call.uploads)
    job, servers = submission.submit_as_user(
        call.transaction, call.user, wanted, call.config, call.store, call.now
    )
    # As LGI: of the groups those are answered that may submit, and so own the job.
    user = replace(call.user, groups=tuple(group for group in call.user.groups if group in job.owners))
    return (*call.answers.user_header(user, servers), call.answers.details(job))


@interface_call(bulk=True)
def interface_submit_jobs(call: InterfaceContext) -> Elements:
    """Ours: queue many jobs at once, each as if it were submitted by itself."""
    entries = [partial(_wanted, call, entry.form, entry.uploads) for entry in call.entries]
    outcomes = bulk_submission.by_user(
        call.transaction, call.user, entries, call.config, call.store, call.now
    )
    request_ids = [entry.request_id for entry in call.entries]
    most = Element("most_jobs", call.config.max_jobs_at_once)
    return (*call.header(), most, Element("file_times", 1), *call.answers.submitted(outcomes, request_ids))


def _wanted(call: InterfaceContext, form: Form, uploads: Callable[[], tuple[Upload, ...]]) -> SubmitRequest:
    """A job that is to be submitted."""
    return SubmitRequest(
        form.tag(fields.APPLICATION),
        form.names(fields.TARGETS),
        partial(_details, form, uploads),
        call.request("user", call.user.name, form),
        call.licences,
    )


def _details(form: Form, uploads: Callable[[], tuple[Upload, ...]]) -> JobPayload:
    """The rest of a submit, in LGI's order of faults; a user may not claim to be a daemon (ruling 2)."""
    return JobPayload(
        read_access=form.names(fields.READ_ACCESS),
        write_access=form.names(fields.WRITE_ACCESS),
        uploads=uploads(),
        job_specifics=form.markup(fields.SPECIFICS, reserved=fields.DAEMON_REFERENCE),
        input=form.data(fields.INPUT),
        output=form.data(fields.OUTPUT),
    )


@interface_call(writes=False)
def interface_job_state(call: InterfaceContext) -> Elements:
    """One job with everything, or a list of jobs, or (limit 0) their number.

    With ``wait`` (ours) the answer of one job comes when its state is no longer the posted one, or without
    one when it has ended, at the latest after so many seconds.
    """
    job_id = call.form.number_or(fields.LISTED_JOB_ID, -1)
    if job_id < 0:
        return _list(call)
    job = updates.read_by_user(call.transaction, call.user, job_id)
    if call.form.has(fields.WAIT.name):
        known = KnownJobState(call.user.name, job_id, call.form.word(fields.LISTED_STATE))
        if known.is_so(job.state):
            call.wait_for(known)
    return (*call.header(), Element("number_of_jobs", 1), call.answers.details(job, 1))


def _list(call: InterfaceContext) -> Elements:
    state = _posted_or_any(call, fields.LISTED_STATE)
    application = _posted_or_any(call, fields.LISTED_APPLICATION)
    start = call.form.number_or(fields.START, 0)
    limit = min(call.form.number_or(fields.LIMIT, DEFAULT_LIMIT), MOST)
    filters = (*call.form.filter(fields.LISTED_STATE), *call.form.filter(fields.LISTED_APPLICATION))
    ended = end_fields.wanted(call.form)
    selection = Selection(call.user.names, *filters, ended)
    header = (
        *call.header(),
        Element("state", state),
        Element("application", application),
        *((Element("ended", ended or comma_lists.ANY),) if call.form.has(fields.ENDED.name) else ()),
        Element("start", start),
        Element("limit", limit),
    )
    if limit == 0:
        return (*header, Element("number_of_jobs", listing.count(call.transaction, selection)))
    found = listing.select(call.transaction, selection, start, limit)
    return (*header, Element("number_of_jobs", len(found)), *call.answers.listed(found))


def _posted_or_any(call: InterfaceContext, field: fields.Field) -> str:
    """As LGI: a filter that is posted empty filters nothing, as any does, and is answered empty."""
    return call.form.word(field) if call.form.has(field.name) else comma_lists.ANY


@interface_call()
def interface_delete_job(call: InterfaceContext) -> Elements:
    """Remove a job, or have it aborted."""
    job_id = call.form.number(fields.JOB_ID)
    job = updates.delete_by_user(call.transaction, call.user, job_id, call.store, call.now)
    return (*call.header(), Element("number_of_jobs", 1), call.answers.deleted(job))


@interface_call(writes=False)
def interface_project_server_list(call: InterfaceContext) -> Elements:
    """The project's servers."""
    servers = principals.servers(call.transaction)
    header = call.answers.user_first_header(call.user, servers)
    return (*header, *responses.slave_servers(servers))


@interface_call(writes=False)
def interface_project_resource_list(call: InterfaceContext) -> Elements:
    """The project's resources and what they offer, and (ours) its licences where it has any."""
    everyone = active_resources.everyone(call.transaction)
    header = call.answers.user_first_header(call.user, principals.servers_among(everyone))
    resources = [one for one in everyone if one.project_server == NO_SERVER]
    found = licences.listed(call.transaction, call.licences) if call.licences else []
    return (*header, *responses.resource_list(resources), *responses.licence_list(found))
