"""The calls by which resources get work or wait for it (wire.md 6)."""

from collections.abc import Sequence
from functools import partial

from lgi_protocol.xml import Element
from lgi_server.api import fields
from lgi_server.api.context import ResourceContext, SessionContext
from lgi_server.api.responses import Elements
from lgi_server.background import long_poll_work
from lgi_server.background.work_subscription import WorkSubscription
from lgi_server.services.jobs import claiming
from lgi_server.tables.job_queue.pending_work import PendingJob

# Jobs in the answer to a waiting resource.
MOST_PENDING = 64
# Applications that a resource may wait for in one call.
MOST_APPLICATIONS = 64


def resource_request_work(call: SessionContext) -> Elements:
    """Offer queued jobs, each locked for the session; limit 0 only counts them.

    With ``wait`` (ours) the answer comes when there is at least one job, or after so many seconds.
    """
    request = claiming.WorkRequest(
        application=call.form.tag(fields.APPLICATION),
        start=call.form.number_or(fields.START, 0),
        limit=min(call.form.number_or(fields.LIMIT, claiming.DEFAULT_LIMIT), claiming.MOST),
        owners=call.form.names(fields.WANTED_OWNERS),
    )
    available = claiming.grantable(
        call.transaction, call.session_id, request.application, call.project.licences
    )
    header = (
        Element("start", request.start),
        Element("limit", request.limit),
        Element("owners", ", ".join(request.owners)),
        *call.header(),
        Element("application", request.application),
    )
    subscription = WorkSubscription(
        call.resource.resource_name,
        frozenset({request.application}),
        is_drained=call.resource.is_drained,
    )
    if request.limit == 0:
        count = claiming.count(
            call.transaction, call.resource, request, available, call.project.settings.max_running_jobs
        )
        call.wait_unless(count, subscription)
        return (*header, Element("number_of_jobs", count))
    offered = claiming.claim(
        call.transaction,
        call.resource,
        call.session_id,
        request,
        available,
        now=call.now,
        most_running=call.project.settings.max_running_jobs,
    )
    call.wait_unless(offered, subscription)
    count_offered = partial(
        call.runtime.metrics.offered, call.project.name, request.application, len(offered)
    )
    call.transaction.on_commit(count_offered)
    return (*header, Element("number_of_jobs", len(offered)), *call.answers.offered(offered))


def resource_wait(call: ResourceContext) -> Elements:
    """Return, ours, jobs that this resource could take or has to abort, without those it knows; lock none.

    With ``wait`` the answer comes when there is at least one, or after so many seconds. The list is short:
    the resource then requests work, or the states of its jobs, in the usual way.
    """
    applications = call.form.tags(fields.APPLICATIONS, MOST_APPLICATIONS)
    known = call.form.numbers(fields.KNOWN_QUEUED), call.form.numbers(fields.KNOWN_ABORTING)
    load = call.form.number_or(fields.LOAD, 0)
    sends = call.form.has(fields.KNOWN_WATCHED.name)
    watched = call.form.numbers(fields.KNOWN_WATCHED) if sends else None
    resource = call.resource.resource_name
    is_drained = call.resource.is_drained
    subscription = WorkSubscription(resource, frozenset(applications), *known, load, watched, is_drained)
    found = [
        job
        for job in long_poll_work.find_work(
            call.transaction,
            applications,
            [resource],
            sends,
            call.project.licences,
            most_running=call.project.settings.max_running_jobs,
        )
        if subscription.matches(job)
    ]
    call.wait_unless(found, subscription)
    return (*call.header(), *_pending_jobs(found[:MOST_PENDING]))


def _pending_jobs(jobs: Sequence[PendingJob]) -> Elements:
    listed = (
        Element(
            "job",
            (
                Element("job_id", job.job_id),
                Element("application", job.application),
                Element("state", job.state),
            ),
            number,
        )
        for number, job in enumerate(jobs, 1)
    )
    return (Element("number_of_jobs", len(jobs)), *listed)
