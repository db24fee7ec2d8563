"""Submits of one job: by users, resources and running jobs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.services.access import submit_rules
from lgi_server.services.access.principals import ProjectServers, UserPrincipal, servers_among
from lgi_server.services.access.submit_rules import JobCounter
from lgi_server.services.jobs import event_log, history, idempotency, job_storage, licences, locking
from lgi_server.services.jobs.claiming import check_no_locks
from lgi_server.services.jobs.submit_request import JobPayload, PreparedJob, SubmitContext, SubmitRequest
from lgi_server.services.jobs.targets import known_targets
from lgi_server.storage.repository import NewRepository
from lgi_server.tables import event_queue
from lgi_server.tables import submit_rules as rules
from lgi_server.tables.active_resources import ResourceRow
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
        return _store(context, prepare_for_user(context, facts, counter, user, request))

    return _once(context, facts, request, make, user.groups), servers


def submit_as_resource(
    context: SubmitContext,
    session: tuple[ResourceRow, int],
    request: SubmitRequest,
    state: str,
    owners: Sequence[str],
) -> JobRow:
    """Store a resource's job, locked for its session.

    A request that has created a job before gets that job as it is now. A resource may name any owners but the
    administrators' group, which is left out, since its jobs may have more rights elsewhere. Raises LGIError
    HOLDS_LOCKS, APPLICATION_UNKNOWN, NO_TARGET, OWNERS_REFUSED, CANNOT_LOCK, UPLOAD, or those of the details.
    """
    resource, session_id = session
    owners = tuple(owner for owner in owners if owner != context.config.admin_group)
    facts = load_facts(context, owners, request)

    def make() -> JobRow:
        check_no_locks(context.transaction, session_id)
        prepared = _prepare_for_owners(context, facts, request, state, owners)
        if not licences.grant(context.transaction, [prepared.job], context.licences):
            message = "The job's licences are all in use"
            raise LGIError(ErrorNumber.CANNOT_LOCK, prepared.job.licences, message=message)
        made = _store(context, prepared)
        locking.lock_all(context.transaction, [made], resource, session_id, context.now)
        history.record_submit(context.transaction, made, f"resource {resource.resource_name}")
        return replace(made, lock_state=1)

    return _once(context, facts, request, make, state, owners)


def submit_as_job(
    context: SubmitContext, parent: JobRow, request: SubmitRequest, owners: Sequence[str]
) -> JobRow:
    """Queue a job that the running job ``parent`` submits, for those of the owners that own the parent too.

    Raises LGIError STATE for a parent that is being aborted, APPLICATION_UNKNOWN, NO_TARGET, OWNERS_REFUSED,
    UPLOAD, or those of the details.
    """
    if parent.state == State.ABORTING:
        raise LGIError(ErrorNumber.STATE, f"job {parent.job_id} is being aborted and may submit nothing")
    own = tuple(owner for owner in owners if owner in parent.owners)
    facts = load_facts(context, own, request)
    state = State.QUEUED.value

    def make() -> JobRow:
        made = _store(context, _prepare_for_owners(context, facts, request, state, own))
        history.record_submit(context.transaction, made, f"job {parent.job_id}")
        context.transaction.on_commit(partial(event_log.log_submitted_by_job, made, parent))
        return made

    return _once(context, facts, request, make, state, own)


def load_facts(context: SubmitContext, names: Sequence[str], request: SubmitRequest) -> SubmitFacts:
    """Return everything that decides about a submit for these users and groups."""
    key = request.key
    return rules.load_submit_facts(
        context.transaction,
        names,
        request.application,
        (key.caller, key.request_id) if key else None,
        licensed=bool(context.licences),
    )


def _once(
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


def _store(context: SubmitContext, prepared: PreparedJob) -> JobRow:
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
    job = _new_job(context, request, State.QUEUED.value, owners, targets, details=details)
    job = _with_access(job, (context.config.admin_group, user.name), details)
    return _prepared(facts, job, request, details, user.groups)


def _prepare_for_owners(
    context: SubmitContext, facts: SubmitFacts, request: SubmitRequest, state: str, owners: Sequence[str]
) -> PreparedJob:
    """Check a submit and return the job to store, for those of the owners that may submit.

    Raises LGIError APPLICATION_UNKNOWN, NO_TARGET, OWNERS_REFUSED, or those of the details.
    """
    targets = known_targets(facts.everyone, request.application, request.target_resources)
    counter = JobCounter(context.transaction)
    allowed = submit_rules.owners_allowed(counter, facts.rules, owners, request.application)
    if not allowed:
        raise LGIError(ErrorNumber.OWNERS_REFUSED, request.application)
    details = request.details()
    job = _new_job(context, request, state, allowed, targets, details=details)
    job = _with_access(job, (context.config.admin_group, *allowed), details)
    return _prepared(facts, job, request, details, state, owners)


def _prepared(
    facts: SubmitFacts, job: JobRow, request: SubmitRequest, details: JobPayload, *more: object
) -> PreparedJob:
    has_new_licences = bool(job.licences) and job.licences not in facts.licence_requests
    fingerprint = request.fingerprint(details, *more) if request.key else ""
    repository = NewRepository(job.write_access, details.uploads, details.source)
    return PreparedJob(job, repository, request.key, fingerprint, has_new_licences)


def _new_job(
    context: SubmitContext,
    request: SubmitRequest,
    state: str,
    owners: tuple[str, ...],
    targets: tuple[str, ...],
    *,
    details: JobPayload,
) -> JobRow:
    specifics = details.job_specifics
    return JobRow(
        job_id=0,
        state=state,
        application=request.application,
        owners=_fitting(owners, ErrorNumber.OWNERS_TOO_BIG),
        read_access=(),
        write_access=(),
        target_resources=targets,
        job_specifics=specifics,
        lock_state=0,
        state_time_stamp=context.now,
        daemon_pulse=context.now,
        priority=context.now,
        repository="",
        licences=licences.normalize_request(specifics, context.licences) if specifics else "",
        input=details.input,
        output=details.output,
        end=details.end,
        job_name=details.job_name,
        labels=details.labels,
        submitted=context.now,
        started=context.now if state not in {State.QUEUED, State.FINISHED, State.ABORTED} else None,
    )


def _with_access(job: JobRow, first: tuple[str, ...], details: JobPayload) -> JobRow:
    """Return the job with its access lists: the names ``first``, then those posted."""
    return replace(
        job,
        read_access=_fitting((*first, *details.read_access), ErrorNumber.READ_ACCESS_TOO_BIG),
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
