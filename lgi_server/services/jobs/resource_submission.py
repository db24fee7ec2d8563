"""Submits of one job by resources and by running jobs, for the owners that they name."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from lgi_protocol import states
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.services.access import submit_rules
from lgi_server.services.access.submit_rules import JobCounter
from lgi_server.services.jobs import (
    event_log,
    exclusions,
    history,
    licences,
    locking,
    predecessors,
    project_limits,
    submission,
    urgency,
)
from lgi_server.services.jobs.claiming import check_no_locks
from lgi_server.services.jobs.submit_request import PreparedJob, SubmitContext, SubmitRequest
from lgi_server.services.jobs.targets import known_targets
from lgi_server.services.notifications import requests
from lgi_server.tables import revoked_users
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.submit_rules import SubmitFacts


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
    facts = submission.load_facts(context, owners, request)

    def make() -> JobRow:
        check_no_locks(context.transaction, session_id)
        prepared = _prepare_for_owners(context, facts, request, state, owners)
        if not licences.grant(context.transaction, [prepared.job], context.settings.licences):
            message = "The job's licences are all in use"
            raise LGIError(ErrorNumber.CANNOT_LOCK, prepared.job.licences, message=message)
        if not states.has_ended(state):
            project_limits.check_place(context.transaction, context.settings.max_running_jobs)
        made = submission.store(context, prepared)
        locking.lock_all(context.transaction, [made], resource, session_id, context.now)
        history.record_submit(context.transaction, made, f"resource {resource.resource_name}")
        return replace(made, lock_state=1)

    return submission.once(context, facts, request, make, state, owners)


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
    if revoked_users.has(context.transaction, *parent.owners):
        raise LGIError(
            ErrorNumber.OWNERS_REFUSED, message="An administrator has revoked an owner of this job"
        )
    facts = submission.load_facts(context, own, request)
    state = State.QUEUED.value

    def make() -> JobRow:
        made = submission.store(context, _prepare_for_owners(context, facts, request, state, own))
        history.record_submit(context.transaction, made, f"job {parent.job_id}")
        context.transaction.on_commit(partial(event_log.log_submitted_by_job, made, parent))
        return made

    return submission.once(context, facts, request, make, state, own)


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
    exclusions.check(facts.everyone, request.application, targets, details.plan.not_on)
    plan = predecessors.resolve(context, details.plan, allowed)
    if plan.notify:
        plan = replace(plan, notify=requests.resolve(context, plan.notify, allowed[0]))
    known = replace(details, plan=plan)
    job = submission.new_job(context, request, state, allowed, targets, details=known)
    job = submission.with_access(job, (context.config.admin_group, *allowed), details)
    job = urgency.as_urgent(context, job) if plan.urgent else job
    return submission.prepared_job(facts, job, request, details, plan, state, owners)
