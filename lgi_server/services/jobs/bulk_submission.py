"""Many jobs of one user in one transaction: each judged by itself, all stored together or not at all."""

from collections.abc import Callable, Sequence

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.access.submit_rules import JobCounter
from lgi_server.services.jobs import idempotency, job_storage, submission
from lgi_server.services.jobs.submit_request import PreparedJob, SubmitContext, SubmitRequest
from lgi_server.tables import event_queue, submit_requests
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.submit_requests import StoredRequest
from lgi_server.tables.submit_rules import SubmitFacts

Outcome = JobRow | LGIError


def submit_all_as_user(
    context: SubmitContext, user: UserPrincipal, entries: Sequence[Callable[[], SubmitRequest]]
) -> list[Outcome]:
    """Return what becomes of each job, in their order.

    Stored, or there already, or what a submit of it answers.

    LGIError for all of them when the files cannot be stored: then there is none.
    """
    requests = [_read(entry) for entry in entries]
    batch = _Batch(context, user)
    batch.look_up([one for one in requests if isinstance(one, SubmitRequest)])
    outcomes = [batch.outcome(one) if isinstance(one, SubmitRequest) else one for one in requests]
    prepared = [one for one in outcomes if isinstance(one, PreparedJob)]
    stored = iter(job_storage.store_all(context, prepared))
    if prepared:
        event_queue.insert(context.transaction, event_queue.SCHEDULE_CYCLE, context.now)
    return [next(stored) if isinstance(one, PreparedJob) else one for one in outcomes]


def _read(entry: Callable[[], SubmitRequest]) -> SubmitRequest | LGIError:
    try:
        return entry()
    except LGIError as refused:
        return refused


class _Batch:
    """The jobs of one call, judged one after the other; what they have in common is read once."""

    def __init__(self, context: SubmitContext, user: UserPrincipal) -> None:
        self._context = context
        self._user = user
        self._counter = JobCounter(context.transaction)
        self._facts: dict[str, SubmitFacts] = {}
        self._remembered: dict[str, StoredRequest] = {}

    def look_up(self, requests: Sequence[SubmitRequest]) -> None:
        """Find what these have made before."""
        keys = [one.key for one in requests if one.key]
        if keys:
            request_ids = [one.request_id for one in keys]
            self._remembered = submit_requests.find(self._context.transaction, keys[0].caller, request_ids)

    def outcome(self, request: SubmitRequest) -> PreparedJob | Outcome:
        """Return a job that may be stored, or was before, or why it may not."""
        try:
            first = self._remembered.get(request.key.request_id) if request.key else None
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
            # As for a single one: another try of this request may have taken the last place meanwhile.
            beaten = refused.number == ErrorNumber.SUBMIT_REFUSED
            first = idempotency.find(context.transaction, request.key) if beaten else None
            if first is None:
                raise
            return self._replay(request, first)
        context.store.check(prepared.uploads)
        self._counter.add(prepared.job.owners, request.application)
        return prepared

    def _replay(self, request: SubmitRequest, first: StoredRequest) -> JobRow:
        fingerprint = request.fingerprint(request.details(), self._user.groups)
        return idempotency.replay(self._context.transaction, first, fingerprint)
