"""Submits of one job, as users make them; those of resources and jobs have the same steps."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.config import values
from lgi_server.services.access import submit_rules
from lgi_server.services.access.principals import ProjectServers, UserPrincipal, servers_among
from lgi_server.services.access.submit_rules import JobCounter
from lgi_server.services.jobs import (
    exclusions,
    idempotency,
    job_storage,
    licences,
    plans,
    predecessors,
    project_limits,
    urgency,
)
from lgi_server.services.jobs.submit_request import (
    NO_PLAN,
    JobPayload,
    JobPlan,
    PreparedJob,
    SubmitContext,
    SubmitRequest,
)
from lgi_server.services.jobs.targets import known_targets
from lgi_server.services.notifications import requests
from lgi_server.storage.repository import NewRepository
from lgi_server.tables import event_queue
from lgi_server.tables import submit_rules as rules
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.submit_rules import SubmitFacts


def submit_as_user(
    context: SubmitContext, user: UserPrincipal, request: SubmitRequest
) -> tuple[JobRow, ProjectServers]:
    """Queue a user's job and return it with the project's servers, which were read with the rules.

    A request that has created a job before gets that job. Raises LGIError MASTER, APPLICATION_UNKNOWN,
    NO_TARGET, SUBMIT_REFUSED, UPLOAD, or those of the details.
    """
    facts = load_facts(context, user.names, request)
    servers = servers_among(facts.everyone)

    def make() -> JobRow:
        counter = JobCounter(context.transaction)
        return store(context, prepare_for_user(context, facts, counter, user, request))

    return once(context, facts, request, make, user.groups), servers


def load_facts(context: SubmitContext, names: Sequence[str], request: SubmitRequest) -> SubmitFacts:
    """Return everything that decides about a submit for these users and groups."""
    key = request.key
    return rules.load_submit_facts(
        context.transaction,
        names,
        request.application,
        (key.caller, key.request_id) if key else None,
        licensed=bool(context.settings.licences),
    )


def once(
    context: SubmitContext,
    facts: SubmitFacts,
    request: SubmitRequest,
    make: Callable[[], JobRow],
    *more: object,
) -> JobRow:
    """Return the job that a request has created before, or else creates now.

    When ``make`` refuses, the stored request is read again: an earlier attempt of the same request may just
    have been committed. Raises LGIError SUBMIT_REFUSED or NO_JOB for a repeated request.
    """
    first = facts.remembered
    if first is None:
        try:
            return make()
        except LGIError:
            first = idempotency.find(context.transaction, request.key)
            if first is None:
                raise
    fingerprint = request.fingerprint(request.details(), *more)
    return idempotency.replay(context.transaction, first, fingerprint)


def store(context: SubmitContext, prepared: PreparedJob) -> JobRow:
    """Store a job, and have the queue ordered; LGIError SUBMIT_REFUSED when the queue has no room for it."""
    if context.settings.max_queued_jobs and prepared.job.state == State.QUEUED:
        project_limits.check_queue(context.transaction, [prepared], context.settings.max_queued_jobs)
    made = job_storage.store_one(context, prepared)
    event_queue.job_changed(context.transaction, context.now)
    return made


def prepare_for_user(
    context: SubmitContext,
    facts: SubmitFacts,
    counter: JobCounter,
    user: UserPrincipal,
    request: SubmitRequest,
) -> PreparedJob:
    """Check a user's submit and return the job to store.

    Raises LGIError APPLICATION_UNKNOWN, NO_TARGET, SUBMIT_REFUSED, or those of the details.
    """
    targets = known_targets(facts.everyone, request.application, request.target_resources)
    owners = submit_rules.allowed_owners(counter, facts.rules, user, request.application)
    details = request.details()
    plan = details.plan
    if plan != NO_PLAN:
        exclusions.check(facts.everyone, request.application, targets, plan.not_on)
        plan = predecessors.resolve(context, plan, user.names)
    if plan.notify:
        plan = replace(plan, notify=requests.resolve(context, plan.notify, user.name))
    known = replace(details, plan=plan)
    job = new_job(context, request, State.QUEUED.value, owners, targets, details=known)
    readers = owners if context.settings.group_visibility == values.READ else ()
    job = with_access(job, (context.config.admin_group, user.name), details, readers)
    job = urgency.as_urgent(context, job) if plan.urgent else job
    return prepared_job(facts, job, request, details, plan, user.groups)


def prepared_job(
    facts: SubmitFacts,
    job: JobRow,
    request: SubmitRequest,
    details: JobPayload,
    plan: JobPlan,
    *more: object,
) -> PreparedJob:
    """Return a job with all that is stored with it; ``more`` belongs to the request beside the details.

    ``plan`` is that of the details with the jobs for which it waits.
    """
    has_new_licences = bool(job.licences) and job.licences not in facts.licence_requests
    fingerprint = request.fingerprint(details, *more) if request.key else ""
    repository = NewRepository(job.write_access, details.uploads, details.source)
    plan = plan if job.state == State.QUEUED else NO_PLAN
    return PreparedJob(job, repository, request.key, fingerprint, has_new_licences, plan)


def new_job(
    context: SubmitContext,
    request: SubmitRequest,
    state: str,
    owners: tuple[str, ...],
    targets: tuple[str, ...],
    *,
    details: JobPayload,
) -> JobRow:
    """Return the row of a job; its number, repository and rights are added later."""
    specifics = details.job_specifics
    plan = details.plan
    held = plans.holds(plan, owners, context.now) if plan != NO_PLAN and state == State.QUEUED else ()
    return JobRow(
        job_id=0,
        state=state,
        application=request.application,
        owners=_fitting(owners, ErrorNumber.OWNERS_TOO_BIG),
        read_access=(),
        write_access=(),
        target_resources=targets,
        job_specifics=specifics,
        lock_state=jobs.HELD if held else jobs.FREE,
        state_time_stamp=context.now,
        daemon_pulse=context.now,
        priority=context.now,
        repository="",
        licences=licences.normalize_request(specifics, context.settings.licences) if specifics else "",
        input=details.input,
        output=details.output,
        end=details.end,
        job_name=details.job_name,
        labels=details.labels,
        submitted=context.now,
        holds=held,
        retries=plan.retries if state == State.QUEUED else 0,
        user_priority=plan.priority if state == State.QUEUED else 0,
        deadline=plan.deadline if state == State.QUEUED else None,
        started=context.now if state not in {State.QUEUED, State.FINISHED, State.ABORTED} else None,
        array_index=request.element[1] if request.element else None,
        has_notifications=int(plan.notify is not None and state == State.QUEUED and request.element is None),
    )


def with_access(
    job: JobRow, first: tuple[str, ...], details: JobPayload, readers: tuple[str, ...] = ()
) -> JobRow:
    """Return the job with its access lists: the names ``first``, then those posted, and more ``readers``."""
    return replace(
        job,
        read_access=_fitting((*first, *details.read_access, *readers), ErrorNumber.READ_ACCESS_TOO_BIG),
        write_access=_fitting((*first, *details.write_access), ErrorNumber.WRITE_ACCESS_TOO_BIG),
    )


def _fitting(names: Sequence[str], too_big: ErrorNumber) -> tuple[str, ...]:
    """Return the different names; LGIError ``too_big`` unless they fit their column.

    A list that is cut would grant other rights.
    """
    unique = comma_lists.unique(names)
    if len(comma_lists.join(unique).encode()) >= jobs.LIST_SIZE:
        raise LGIError(too_big, "together with the owners and administrators")
    return unique
