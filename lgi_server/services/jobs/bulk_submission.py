"""Many jobs of one user in one transaction: each judged by itself, all stored together or not at all."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.config.model import Config
from lgi_server.db.database import Transaction
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.services.access.submit_rules import JobCounter
from lgi_server.services.jobs import event_log, idempotency, submission
from lgi_server.services.jobs.submission import PreparedJob, SubmitRequest
from lgi_server.storage.base import NewRepository, RepositoryWriter
from lgi_server.tables import event_queue, job_access, licence_wishes, submit_requests
from lgi_server.tables import submit_rules as rules
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.submit_requests import StoredRequest
from lgi_server.tables.submit_rules import SubmitContext

Outcome = JobRow | LGIError


def by_user(
    transaction: Transaction,
    user: UserPrincipal,
    entries: Sequence[Callable[[], SubmitRequest]],
    config: Config,
    store: RepositoryWriter,
    now: int,
) -> list[Outcome]:
    """What becomes of each job, in their order: stored, or there already, or what a submit of it answers.

    LGIError for all of them when the files cannot be stored: then there is none.
    """
    wanted = [_read(entry) for entry in entries]
    desk = _Desk(transaction, user, config, store, now)
    desk.look_up([one for one in wanted if isinstance(one, SubmitRequest)])
    outcomes = [desk.outcome(one) if isinstance(one, SubmitRequest) else one for one in wanted]
    stored = iter(
        _insert_all(transaction, [one for one in outcomes if isinstance(one, PreparedJob)], store, now)
    )
    return [next(stored) if isinstance(one, PreparedJob) else one for one in outcomes]


def _read(entry: Callable[[], SubmitRequest]) -> SubmitRequest | LGIError:
    try:
        return entry()
    except LGIError as refused:
        return refused


class _Desk:
    """Where the jobs of one call are looked at one after the other; what they have in common is read once."""

    def __init__(
        self, transaction: Transaction, user: UserPrincipal, config: Config, store: RepositoryWriter, now: int
    ) -> None:
        self._transaction = transaction
        self._user = user
        self._config = config
        self._store = store
        self._now = now
        self._tally = JobCounter(transaction)
        self._judged: dict[str, SubmitContext] = {}
        self._remembered: dict[str, StoredRequest] = {}

    def look_up(self, wanted: Sequence[SubmitRequest]) -> None:
        """Find what these have made before."""
        asked = [one.request for one in wanted if one.request]
        if asked:
            request_ids = [one.request_id for one in asked]
            self._remembered = submit_requests.find(self._transaction, asked[0].caller, request_ids)

    def outcome(self, wanted: SubmitRequest) -> PreparedJob | Outcome:
        """A job that may be stored, or was before, or why it may not."""
        try:
            first = self._remembered.get(wanted.request.request_id) if wanted.request else None
            return self._again(wanted, first) if first else self._draft(wanted)
        except LGIError as refused:
            if refused.number == ErrorNumber.BACK_OFF:
                raise
            return refused

    def _draft(self, wanted: SubmitRequest) -> PreparedJob | JobRow:
        judged = self._judged.get(wanted.application)
        if judged is None:
            judged = rules.load_submit_context(
                self._transaction,
                self._user.names,
                wanted.application,
                licensed=bool(wanted.there_are),
            )
            self._judged[wanted.application] = judged
        try:
            draft = submission.prepare_for_user(
                judged, self._tally, self._user, wanted, self._config, self._now
            )
        except LGIError as refused:
            # As for a single one: another try of this request may have taken the last place meanwhile.
            beaten = refused.number == ErrorNumber.SUBMIT_REFUSED
            first = idempotency.find(self._transaction, wanted.request) if beaten else None
            if first is None:
                raise
            return self._again(wanted, first)
        self._store.check(draft.uploads)
        self._tally.add(draft.job.owners, wanted.application)
        return draft

    def _again(self, wanted: SubmitRequest, first: StoredRequest) -> JobRow:
        contents = wanted.contents(wanted.details(), self._user.groups)
        return idempotency.replay(self._transaction, first, contents)


def _insert_all(
    transaction: Transaction, drafts: Sequence[PreparedJob], store: RepositoryWriter, now: int
) -> list[JobRow]:
    """Store jobs and their repositories, with as many statements as for one."""
    if not drafts:
        return []
    names = store.create_all([NewRepository(draft.job.write_access, draft.uploads) for draft in drafts])
    for name in names:
        transaction.undo(partial(store.remove, name))
    new = [replace(draft.job, repository=name) for draft, name in zip(drafts, names, strict=True)]
    numbers = jobs.insert_all(transaction, new)
    made = [replace(job, job_id=numbers[job.repository]) for job in new]
    _remember(transaction, drafts, made, now)
    wishes = {(draft.job.application, draft.job.licences) for draft in drafts if draft.is_new_wish}
    for application, wished in sorted(wishes):
        licence_wishes.wish(transaction, application, wished)
    for job in made:
        transaction.afterwards(partial(event_log.log_submitted, job))
    job_access.insert_all(transaction, made)
    event_queue.insert(transaction, event_queue.SCHEDULE_CYCLE, now)
    return made


def _remember(
    transaction: Transaction, drafts: Sequence[PreparedJob], made: Sequence[JobRow], now: int
) -> None:
    """Remember the requests of those jobs that have one, in the order of their ids.

    Two calls with the same ones then wait for each other in one direction.
    """
    kept = [
        (draft.request, StoredRequest(draft.request.request_id, draft.contents, job.job_id))
        for draft, job in zip(drafts, made, strict=True)
        if draft.request
    ]
    if kept:
        ordered = sorted((one for _request, one in kept), key=lambda one: one.request_id)
        submit_requests.insert(transaction, kept[0][0].caller, ordered, now)
