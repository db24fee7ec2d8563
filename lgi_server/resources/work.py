"""The calls by which resources get work, or wait for it (wire.md 6)."""

from functools import partial

from lgi_protocol.xml import Element
from lgi_server.api import fields, responses
from lgi_server.api.context import ResourceContext, SessionContext
from lgi_server.api.responses import Elements
from lgi_server.background import long_poll_work
from lgi_server.background.long_poll_work import WorkSubscription
from lgi_server.services.jobs import claiming

# Of the jobs a waiting resource is told of.
MOST_AWAITED = 64
# That a resource waits for in one call.
MOST_APPLICATIONS = 64


def resource_request_work(call: SessionContext) -> Elements:
    """Offer queued jobs, each locked for the session; limit 0 only counts them.

    With ``wait`` (ours) the answer comes when there is at least one, or after so many seconds.
    """
    request = claiming.WorkRequest(
        application=call.form.tag(fields.APPLICATION),
        start=call.form.number_or(fields.START, 0),
        limit=min(call.form.number_or(fields.LIMIT, claiming.DEFAULT_LIMIT), claiming.MOST),
        owners=call.form.names(fields.WANTED_OWNERS),
    )
    possible = claiming.grantable(
        call.transaction, call.session_id, request.application, call.project.licences
    )
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
    offered = claiming.claim(
        call.transaction, call.resource, call.session_id, request, possible, now=call.now
    )
    call.wait_unless(offered, wish)
    count_offered = partial(
        call.runtime.metrics.offered, call.project.name, request.application, len(offered)
    )
    call.transaction.on_commit(count_offered)
    return (*header, Element("number_of_jobs", len(offered)), *call.answers.offered(offered))


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
        for job in long_poll_work.look(
            call.transaction, applications, [wish.resource], sends, call.project.licences
        )
        if wish.is_met_by(job)
    ]
    call.wait_unless(found, wish)
    return (*call.header(), *responses.awaited(found[:MOST_AWAITED]))
