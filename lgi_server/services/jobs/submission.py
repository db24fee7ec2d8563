"""New jobs, one at a time: who may submit what to whom, and what is stored when everything is acceptable."""

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
from lgi_server.tables import event_queue
from lgi_server.tables import submit_rules as rules
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.submit_rules import SubmitFacts


def submit_as_user(
    context: SubmitContext, user: UserPrincipal, request: SubmitRequest
) -> tuple[JobRow, ProjectServers]:
    """Queue a user's job; LGIError MASTER, APPLICATION_UNKNOWN, NO_TARGET, SUBMIT_REFUSED.

    Those of the details, or 68.

    What a submit is judged by is read in one look; the project's servers, for the answer, are in it. A
    request that has made a job before is answered with that one.
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
    """Insert a resource's job, locked for its session.

    Raises LGIError HOLDS_LOCKS, APPLICATION_UNKNOWN, NO_TARGET, OWNERS_REFUSED, of the details, or 68.

    A request that has made a job before is answered with that one, as it is now. A resource may name whom it
    will as owners, but never the administrators, whose jobs may be let do more elsewhere.
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
        history.began(context.transaction, made, f"resource {resource.resource_name}")
        return replace(made, lock_state=1)

    return _once(context, facts, request, make, state, owners)


def submit_as_job(
    context: SubmitContext, parent: JobRow, request: SubmitRequest, owners: Sequence[str]
) -> JobRow:
    """Queue a job for some owners of one that runs.

    Raises LGIError STATE, APPLICATION_UNKNOWN, NO_TARGET, OWNERS_REFUSED, those of the details, or 68.

    One that is being aborted may still bring its files home, and begin nothing.
    """
    if parent.state == State.ABORTING:
        raise LGIError(ErrorNumber.STATE, f"job {parent.job_id} is being aborted and may submit nothing")
    own = tuple(owner for owner in owners if owner in parent.owners)
    facts = load_facts(context, own, request)
    state = State.QUEUED.value

    def make() -> JobRow:
        made = _store(context, _prepare_for_owners(context, facts, request, state, own))
        history.began(context.transaction, made, f"job {parent.job_id}")
        context.transaction.on_commit(partial(event_log.followed, made, parent))
        return made

    return _once(context, facts, request, make, state, own)


def load_facts(context: SubmitContext, names: Sequence[str], request: SubmitRequest) -> SubmitFacts:
    """Return what a submit for a user and groups, or for owners, is judged by."""
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
    *said: object,
) -> JobRow:
    """Return the job that a request has made before, or else makes now.

    Raises LGIError SUBMIT_REFUSED or NO_JOB for the former.

    What is refused may be another try of a request that has been granted while this one waited for it.
    """
    first = facts.remembered
    if first is None:
        try:
            return make()
        except LGIError:
            first = idempotency.find(context.transaction, request.key)
            if first is None:
                raise
    fingerprint = request.fingerprint(request.details(), *said)
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
    """Return what a user's submit would store.

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
    """Return what would be stored for those of the owners who may submit.

    Raises LGIError APPLICATION_UNKNOWN, NO_TARGET, OWNERS_REFUSED, of the details.
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
    facts: SubmitFacts, job: JobRow, request: SubmitRequest, details: JobPayload, *said: object
) -> PreparedJob:
    is_new_wish = bool(job.licences) and job.licences not in facts.wishes
    fingerprint = request.fingerprint(details, *said) if request.key else ""
    return PreparedJob(job, details.uploads, request.key, fingerprint, is_new_wish)


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
    )


def _with_access(job: JobRow, first: tuple[str, ...], details: JobPayload) -> JobRow:
    """Return the access lists: the administrators and owners, then what was posted."""
    return replace(
        job,
        read_access=_fitting((*first, *details.read_access), ErrorNumber.READ_ACCESS_TOO_BIG),
        write_access=_fitting((*first, *details.write_access), ErrorNumber.WRITE_ACCESS_TOO_BIG),
    )


def _fitting(names: Sequence[str], too_big: ErrorNumber) -> tuple[str, ...]:
    """Return a list that fits its column whole: one cut short would grant other rights."""
    unique = comma_lists.unique(names)
    if len(comma_lists.join(unique).encode()) >= jobs.LIST_SIZE:
        raise LGIError(too_big, "together with the owners and administrators")
    return unique
