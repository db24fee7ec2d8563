"""Bulk submits: many jobs of one user in one transaction, each checked by itself, all stored together."""

from collections.abc import Callable, Sequence

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.access.submit_rules import JobCounter, decide
from lgi_server.services.jobs import array_submission, idempotency, job_storage, project_limits, submission
from lgi_server.services.jobs.array_submission import ArraySubmit
from lgi_server.services.jobs.submit_request import PreparedJob, SubmitContext, SubmitRequest
from lgi_server.tables import event_queue, submit_requests
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.submit_requests import StoredRequest
from lgi_server.tables.submit_rules import SubmitFacts, load_submit_facts

Outcome = JobRow | LGIError


def submit_all_as_user(
    context: SubmitContext,
    user: UserPrincipal,
    entries: Sequence[Callable[[], SubmitRequest]],
    array: ArraySubmit | None = None,
) -> list[Outcome]:
    """Submit jobs and return, in their order, the stored job or the LGIError of each.

    A request that has created a job before gets that job. Raises LGIError, and stores none, when the files
    cannot be stored or the database is busy, when one of the elements of an ``array`` is refused, or when the
    queue of the project has no room for all of them.
    """
    requests = [_read(entry) for entry in entries]
    batch = _Batch(context, user)
    batch.look_up([one for one in requests if isinstance(one, SubmitRequest)])
    outcomes = [batch.outcome(one) if isinstance(one, SubmitRequest) else one for one in requests]
    prepared = [one for one in outcomes if isinstance(one, PreparedJob)]
    if array:
        indexes = [
            one.element[1] if isinstance(one, SubmitRequest) and one.element else None for one in requests
        ]
        array_submission.check_all(zip(indexes, outcomes, strict=True))
    project_limits.check_queue(context.transaction, prepared, context.settings.max_queued_jobs)
    stored = iter(job_storage.store_all(context, prepared, array))
    if prepared:
        event_queue.insert(context.transaction, event_queue.SCHEDULE_CYCLE, context.now)
    return [next(stored) if isinstance(one, PreparedJob) else one for one in outcomes]


def check_size(context: SubmitContext, user: UserPrincipal, application: str, array: ArraySubmit) -> None:
    """Raise LGIError SUBMIT_REFUSED when a limit allows fewer jobs than an array is to have elements."""
    facts = load_submit_facts(context.transaction, user.names, application, None, licensed=False)
    decisions = [decide(facts.rules, user.name, group, application) for group in user.groups]
    allowed = [one for one in decisions if one.allowed]
    if allowed and all(0 < abs(one.limit) < array.size for one in allowed):
        most = max(allowed, key=lambda one: abs(one.limit))
        kind = "jobs" if most.limit > 0 else "queued and running jobs"
        why = f"{most.counted} may have {abs(most.limit)} {kind} of {application}, the array has {array.size}"
        raise LGIError(ErrorNumber.SUBMIT_REFUSED, why)


def _read(entry: Callable[[], SubmitRequest]) -> SubmitRequest | LGIError:
    try:
        return entry()
    except LGIError as refused:
        return refused


class _Batch:
    """The jobs of one call; the facts that decide about them are read once for each application."""

    def __init__(self, context: SubmitContext, user: UserPrincipal) -> None:
        self._context = context
        self._user = user
        self._counter = JobCounter(context.transaction)
        self._facts: dict[str, SubmitFacts] = {}
        self._stored: dict[str, StoredRequest] = {}

    def look_up(self, requests: Sequence[SubmitRequest]) -> None:
        """Read which of these requests have created a job before."""
        keys = [one.key for one in requests if one.key]
        if keys:
            request_ids = [one.request_id for one in keys]
            self._stored = submit_requests.find(self._context.transaction, keys[0].caller, request_ids)

    def outcome(self, request: SubmitRequest) -> PreparedJob | Outcome:
        """Return the job to store, or the job stored before, or the LGIError; LGIError BACK_OFF is raised."""
        try:
            first = self._stored.get(request.key.request_id) if request.key else None
            return self._replay(request, first) if first else self._prepare(request)
        except LGIError as refused:
            if refused.number == ErrorNumber.BACK_OFF:
                raise
            return refused

    def _prepare(self, request: SubmitRequest) -> PreparedJob | JobRow:
        context = self._context
        facts = self._facts.get(request.application)
        if facts is None:
            facts = submission.load_facts(context, self._user.names, request)
            self._facts[request.application] = facts
        try:
            prepared = submission.prepare_for_user(context, facts, self._counter, self._user, request)
        except LGIError as refused:
            # As for a single job: an earlier attempt of this request may just have reached the job limit.
            at_limit = refused.number == ErrorNumber.SUBMIT_REFUSED
            first = idempotency.find(context.transaction, request.key) if at_limit else None
            if first is None:
                raise
            return self._replay(request, first)
        context.store.check(prepared.repository)
        self._counter.add(prepared.job.owners, request.application)
        return prepared

    def _replay(self, request: SubmitRequest, first: StoredRequest) -> JobRow:
        fingerprint = request.fingerprint(request.details(), self._user.groups)
        return idempotency.replay(self._context.transaction, first, fingerprint)
