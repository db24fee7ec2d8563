"""The calls of resources (wire.md 6), each named as in its URL."""

from dataclasses import replace
from functools import partial

from lgi_protocol import hexcode
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.xml import Element
from lgi_server.api import end_fields, fields, responses, specifics
from lgi_server.api.context import ResourceContext
from lgi_server.api.registry import resource_call
from lgi_server.api.responses import Elements
from lgi_server.background import long_poll_work
from lgi_server.background.long_poll_work import WorkSubscription
from lgi_server.services.access import resource_sessions
from lgi_server.services.jobs import claiming, locking, submission, updates
from lgi_server.services.jobs.submission import JobPayload, SubmitRequest
from lgi_server.services.jobs.updates import Posted
from lgi_server.tables import active_resources
from lgi_server.tables.job_queue.jobs import JobRow

# Of the jobs a waiting resource is told of.
MOST_AWAITED = 64
# That a resource waits for in one call.
MOST_APPLICATIONS = 64


@resource_call(session=False)
def resource_signup_resource(call: ResourceContext) -> Elements:
    """Open a session; posted capabilities and a renewed certificate replace the stored ones."""
    resource = call.resource
    if call.capabilities and call.capabilities != resource.resource_capabilities:
        resource = replace(resource, resource_capabilities=call.capabilities)
        active_resources.set_capabilities(call.transaction, resource.resource_id, call.capabilities, call.now)
        call.transaction.afterwards(partial(call.directory.forget, resource.resource_id))
    if call.renewed:
        active_resources.set_certificate(call.transaction, resource.resource_id, call.renewed)
        call.transaction.afterwards(partial(call.directory.forget, resource.resource_id))
    session_id = resource_sessions.sign_up(call.transaction, resource, call.now)
    header = call.answers.resource_header(resource, call.servers)
    longest = Element("longest_wait", call.config.longest_wait)
    session = Element("session_id", session_id)
    certificates = (Element("job_certificates", 1),) if call.trust.jobs else ()
    return (*header, *responses.slave_servers(call.servers), session, longest, *certificates)


@resource_call()
def resource_signoff_resource(call: ResourceContext) -> Elements:
    """End the session and free what it has locked."""
    resource_sessions.sign_off(call.transaction, call.session_id)
    header = call.answers.resource_header(call.resource, call.servers)
    return (*header, *responses.slave_servers(call.servers), Element("session_id", call.session_id))


@resource_call()
def resource_request_work(call: ResourceContext) -> Elements:
    """Offer queued jobs, each locked for the session; limit 0 only counts them.

    With ``wait`` (ours) the answer comes when there is at least one, or after so many seconds.
    """
    request = claiming.WorkRequest(
        application=call.form.tag(fields.APPLICATION),
        start=call.form.number_or(fields.START, 0),
        limit=min(call.form.number_or(fields.LIMIT, claiming.DEFAULT_LIMIT), claiming.MOST),
        owners=call.form.names(fields.WANTED_OWNERS),
    )
    possible = claiming.grantable(call.transaction, call.session_id, request.application, call.licences)
    header = (
        Element("start", request.start),
        Element("limit", request.limit),
        Element("owners", ", ".join(request.owners)),
        *call.header(),
        Element("application", request.application),
    )
    wish = WorkSubscription(call.resource.resource_name, frozenset({request.application}))
    if request.limit == 0:
        count = claiming.count(call.transaction, call.resource, request, possible)
        call.wait_unless(count, wish)
        return (*header, Element("number_of_jobs", count))
    offered = claiming.claim(call.transaction, call.resource, call.session_id, request, possible, call.now)
    call.wait_unless(offered, wish)
    count_offered = partial(call.metrics.offered, call.project, request.application, len(offered))
    call.transaction.afterwards(count_offered)
    return (*header, Element("number_of_jobs", len(offered)), *call.answers.offered(offered))


@resource_call(session=False, writes=False)
def resource_wait(call: ResourceContext) -> Elements:
    """Ours: the jobs this resource could take or is to abort, except those it knows; locks none of them.

    With ``wait`` the answer comes when there is at least one, or after so many seconds. The list is short:
    whoever is told asks for work, or for the state of its jobs, in the usual way.
    """
    applications = call.form.tags(fields.APPLICATIONS, MOST_APPLICATIONS)
    known = call.form.numbers(fields.KNOWN_QUEUED), call.form.numbers(fields.KNOWN_ABORTING)
    load = call.form.number_or(fields.LOAD, 0)
    sends = call.form.has(fields.KNOWN_WATCHED.name)
    watched = call.form.numbers(fields.KNOWN_WATCHED) if sends else None
    wish = WorkSubscription(call.resource.resource_name, frozenset(applications), *known, load, watched)
    found = [
        job
        for job in long_poll_work.look(call.transaction, applications, [wish.resource], sends, call.licences)
        if wish.is_met_by(job)
    ]
    call.wait_unless(found, wish)
    return (*call.header(), *responses.awaited(found[:MOST_AWAITED]))


@resource_call(writes=False)
def resource_request_job_details(call: ResourceContext) -> Elements:
    """Everything of a job the session has locked."""
    job_id = call.form.number(fields.JOB_ID)
    job = updates.locked_by_resource(call.transaction, call.resource, call.session_id, job_id)
    return (*call.header(), call.answers.details(job))


@resource_call()
def resource_lock_job(call: ResourceContext) -> Elements:
    """Lock a job for the session."""
    job_id = call.form.number(fields.JOB_ID)
    session = (call.resource, call.session_id)
    lock = locking.lock(call.transaction, session, job_id, call.licences, call.now)
    return (*call.header(), *responses.locked(lock, "lock_time", lock.lock_time))


@resource_call()
def resource_unlock_job(call: ResourceContext) -> Elements:
    """Free a job the session has locked."""
    job_id = call.form.number(fields.JOB_ID)
    lock = locking.unlock(call.transaction, call.resource, call.session_id, job_id)
    return (*call.header(), *responses.locked(lock, "unlock_time", call.now))


@resource_call()
def resource_update_job(call: ResourceContext) -> Elements:
    """Change a job the session has locked."""
    job_id = call.form.number(fields.JOB_ID)
    job = updates.update(
        call.transaction, call.resource, call.session_id, job_id, partial(_posted, call), call.now
    )
    return (*call.header(), call.answers.updated(job))


def _posted(call: ResourceContext, job: JobRow) -> Posted:
    """The fields of an update, in LGI's order of faults."""
    form = call.form
    updates.check_reference(job, form.word(fields.REFERENCE))
    state = updates.check_state(job, form.word(fields.NEW_STATE))
    targets = form.names(fields.NEW_TARGETS)
    posted = Posted(
        state=state,
        target_resources=updates.check_new_targets(call.transaction, job, call.resource, targets),
        input=form.data(fields.INPUT),
        output=form.data(fields.OUTPUT),
        job_specifics=updates.check_takeover(job, form.markup(fields.ECHOED_SPECIFICS, _echoed)),
        end=end_fields.posted(form, state or job.state),
    )
    result = posted.end.result(state)
    if result is not None and not job.ended:
        call.transaction.afterwards(partial(call.metrics.ended, call.project, job.application, result.value))
    return posted


def _echoed(posted: str) -> str:
    """Specifics as a daemon posts them back; LGIError 53 for what in them is no tag of server or daemon."""
    fields.SPECIFICS.check_size(specifics.without_place(posted))
    return specifics.without_repository(posted)


@resource_call(takes_files=True)
def resource_submit_job(call: ResourceContext) -> Elements:
    """Insert a job, locked for the session."""
    state = updates.check_first_state(call.form.word(fields.STATE))
    application = call.form.tag(fields.APPLICATION)
    owners = call.form.names(fields.OWNERS)
    targets = call.form.names(fields.TARGETS)
    request = call.request("resource", call.resource.resource_name)
    job = submission.submit_as_resource(
        call.transaction,
        (call.resource, call.session_id),
        SubmitRequest(application, targets, partial(_details, call, state), request, call.licences),
        state,
        owners,
        call.config,
        call.store,
        call.now,
    )
    return (*call.header(), call.answers.details(job))


def _details(call: ResourceContext, state: str) -> JobPayload:
    """The rest of a submit, in LGI's order of faults."""
    form = call.form
    return JobPayload(
        uploads=call.uploads(),
        job_specifics=form.markup(fields.SPECIFICS, specifics.without_repository),
        input=form.data(fields.INPUT),
        output=form.data(fields.OUTPUT),
        read_access=form.names(fields.READ_ACCESS),
        write_access=form.names(fields.WRITE_ACCESS),
        end=end_fields.posted(form, state),
    )


@resource_call(session=False, writes=False)
def resource_job_state(call: ResourceContext) -> Elements:
    """The state of a job for one of its targets; says that a daemon looks after it."""
    job_id = call.form.number(fields.JOB_ID)
    job = updates.seen_by_resource(call.transaction, call.resource, job_id)
    call.touches.pulse(job_id, call.now)
    return (*call.header(), call.answers.state(job))


@resource_call(session=False, writes=False)
def resource_request_resource_data(call: ResourceContext) -> Elements:
    """The certificate of another resource."""
    name = call.form.word(fields.RESOURCE_NAME)
    found = active_resources.named(call.transaction, name)
    if found is None:
        raise LGIError(ErrorNumber.RESOURCE_UNKNOWN, name)
    data = Element(
        "requested_resource_data",
        (
            Element("resource_name", found.resource_name),
            Element("client_certificate", hexcode.encode(found.client_certificate.encode())),
            Element("resource_url", found.url),
            Element("last_call_time", found.last_call_time),
        ),
    )
    return (*call.header(), data)
