"""New jobs: who may submit what to whom, and what is stored when everything is acceptable."""

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import partial

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.job_end import NO_END, End
from lgi_protocol.states import State
from lgi_server.api import fields
from lgi_server.config.model import Config
from lgi_server.db.database import Transaction
from lgi_server.services.access import submit_rules
from lgi_server.services.access.principals import ProjectServers, UserPrincipal, servers_among
from lgi_server.services.access.submit_rules import JobCounter
from lgi_server.services.jobs import event_log, history, idempotency, licences, locking
from lgi_server.services.jobs.claiming import check_no_locks
from lgi_server.services.jobs.idempotency import IdempotencyKey
from lgi_server.services.jobs.licences import Amounts
from lgi_server.services.jobs.targets import known_targets
from lgi_server.storage.base import RepositoryWriter, Upload
from lgi_server.tables import event_queue, job_access, submit_requests
from lgi_server.tables import licence_wishes as licence_table
from lgi_server.tables import submit_rules as rules
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.submit_requests import StoredRequest
from lgi_server.tables.submit_rules import SubmitContext


@dataclass(frozen=True)
class JobPayload:
    """What a job is given beside its application, targets and owners."""

    read_access: tuple[str, ...]
    write_access: tuple[str, ...]
    uploads: tuple[Upload, ...]
    job_specifics: str
    input: bytes
    output: bytes
    end: End = NO_END


@dataclass(frozen=True)
class SubmitRequest:
    """What is submitted. ``details`` are read after the rules, so that faults are answered in LGI's order.

    A submit with a ``request`` makes one job, however often it is done. ``there_are`` the project's licences.
    """

    application: str
    target_resources: tuple[str, ...]
    details: Callable[[], JobPayload]
    request: IdempotencyKey | None = None
    there_are: Amounts = field(default_factory=dict)

    def contents(self, details: JobPayload, *said: object) -> str:
        """A digest of all of it, and of what else is ``said``."""
        kept = (details.read_access, details.write_access, details.job_specifics)
        end = astuple(details.end) if details.end != NO_END else ()
        data = (details.input, details.output, *end)
        return idempotency.fingerprint(
            (*said, self.application, self.target_resources, *kept, *data), details.uploads
        )


@dataclass(frozen=True)
class PreparedJob:
    """A job that may be stored, its files, and the request that it answers.

    ``is_new_wish`` when nobody has wanted these licences for its application before.
    """

    job: JobRow
    uploads: tuple[Upload, ...]
    request: IdempotencyKey | None
    contents: str
    is_new_wish: bool


def submit_as_user(
    transaction: Transaction,
    user: UserPrincipal,
    wanted: SubmitRequest,
    config: Config,
    store: RepositoryWriter,
    now: int,
) -> tuple[JobRow, ProjectServers]:
    """Queue a user's job; LGIError 6, 70, 28, 33, those of the details, or 68.

    What a submit is judged by is read in one look; the project's servers, for the answer, are in it. A
    request that has made a job before is answered with that one.
    """
    judged = _judging(transaction, user.names, wanted)
    servers = servers_among(judged.everyone)

    def make() -> JobRow:
        draft = prepare_for_user(judged, JobCounter(transaction), user, wanted, config, now)
        return _insert(transaction, draft, store, now)

    return _once(transaction, judged, wanted, make, user.groups), servers


def _judging(transaction: Transaction, names: Sequence[str], wanted: SubmitRequest) -> SubmitContext:
    asked = wanted.request or IdempotencyKey("", "")
    return rules.load_submit_context(
        transaction,
        names,
        wanted.application,
        asked.caller,
        asked.request_id,
        licensed=bool(wanted.there_are),
    )


def _once(
    transaction: Transaction,
    judged: SubmitContext,
    wanted: SubmitRequest,
    make: Callable[[], JobRow],
    *said: object,
) -> JobRow:
    """The job that a request has made before, or else makes now; LGIError 33 or 15 for the former.

    What is refused may be another try of a request that has been granted while this one waited for it.
    """
    first = judged.remembered
    if first is None:
        try:
            return make()
        except LGIError:
            first = idempotency.find(transaction, wanted.request)
            if first is None:
                raise
    return idempotency.replay(transaction, first, wanted.contents(wanted.details(), *said))


def prepare_for_user(
    judged: SubmitContext,
    tally: JobCounter,
    user: UserPrincipal,
    wanted: SubmitRequest,
    config: Config,
    now: int,
) -> PreparedJob:
    """What a user's submit would store; LGIError 70, 28, 33, or those of the details."""
    targets = known_targets(judged.everyone, wanted.application, wanted.target_resources)
    owners = submit_rules.allowed_owners(tally, judged.rules, user, wanted.application)
    details = wanted.details()
    job = _new_job(wanted, State.QUEUED.value, owners, targets, details, now)
    job = _with_access(job, (config.admin_group, user.name), details)
    contents = wanted.contents(details, user.groups)
    return _draft(judged, job, details, wanted, contents)


def _draft(
    judged: SubmitContext, job: JobRow, details: JobPayload, wanted: SubmitRequest, contents: str
) -> PreparedJob:
    is_new_wish = bool(job.licences) and job.licences not in judged.wishes
    return PreparedJob(job, details.uploads, wanted.request, contents, is_new_wish)


def submit_as_resource(
    transaction: Transaction,
    caller: tuple[ResourceRow, int],
    wanted: SubmitRequest,
    state: str,
    owners: Sequence[str],
    config: Config,
    store: RepositoryWriter,
    now: int,
) -> JobRow:
    """Insert a resource's job, locked for its session; LGIError 17, 70, 28, 29, of the details, or 68.

    A request that has made a job before is answered with that one, as it is now. A resource may name whom it
    will as owners, but never the administrators, whose jobs may be let do more elsewhere.
    """
    resource, session_id = caller
    owners = tuple(owner for owner in owners if owner != config.admin_group)
    judged = _judging(transaction, owners, wanted)

    def make() -> JobRow:
        check_no_locks(transaction, session_id)
        made = _for_owners(transaction, judged, wanted, state, owners, config, store, now, starts=True)
        locking.lock_all(transaction, [made], resource, session_id, now)
        history.began(transaction, made, f"resource {resource.resource_name}")
        return replace(made, lock_state=1)

    return _once(transaction, judged, wanted, make, state, owners)


def submit_as_job(
    transaction: Transaction,
    parent: JobRow,
    wanted: SubmitRequest,
    owners: Sequence[str],
    config: Config,
    store: RepositoryWriter,
    now: int,
) -> JobRow:
    """Queue a job for some owners of one that runs; LGIError 25, 70, 28, 29, those of the details, or 68.

    One that is being aborted may still bring its files home, and begin nothing.
    """
    if parent.state == State.ABORTING:
        raise LGIError(ErrorNumber.STATE, f"job {parent.job_id} is being aborted and may submit nothing")
    own = tuple(owner for owner in owners if owner in parent.owners)
    judged = _judging(transaction, own, wanted)
    state = State.QUEUED.value

    def make() -> JobRow:
        made = _for_owners(transaction, judged, wanted, state, own, config, store, now)
        history.began(transaction, made, f"job {parent.job_id}")
        transaction.afterwards(partial(event_log.followed, made, parent))
        return made

    return _once(transaction, judged, wanted, make, state, own)


def _for_owners(
    transaction: Transaction,
    judged: SubmitContext,
    wanted: SubmitRequest,
    state: str,
    owners: Sequence[str],
    config: Config,
    store: RepositoryWriter,
    now: int,
    starts: bool = False,
) -> JobRow:
    """Insert a job for those of the owners who may submit it; one that ``starts`` needs its licences now."""
    targets = known_targets(judged.everyone, wanted.application, wanted.target_resources)
    allowed = submit_rules.owners_allowed(JobCounter(transaction), judged.rules, owners, wanted.application)
    if not allowed:
        raise LGIError(ErrorNumber.OWNERS_REFUSED, wanted.application)
    details = wanted.details()
    job = _new_job(wanted, state, allowed, targets, details, now)
    job = _with_access(job, (config.admin_group, *allowed), details)
    if starts and not licences.grant(transaction, [job], wanted.there_are):
        message = "The job's licences are all in use"
        raise LGIError(ErrorNumber.CANNOT_LOCK, job.licences, message=message)
    draft = _draft(judged, job, details, wanted, wanted.contents(details, state, owners))
    return _insert(transaction, draft, store, now)


def _new_job(
    wanted: SubmitRequest,
    state: str,
    owners: tuple[str, ...],
    targets: tuple[str, ...],
    details: JobPayload,
    now: int,
) -> JobRow:
    return JobRow(
        job_id=0,
        state=state,
        application=wanted.application,
        owners=_fitting(owners, ErrorNumber.OWNERS_TOO_BIG),
        read_access=(),
        write_access=(),
        target_resources=targets,
        job_specifics=details.job_specifics,
        lock_state=0,
        state_time_stamp=now,
        daemon_pulse=now,
        priority=now,
        repository="",
        licences=licences.normalize_request(details.job_specifics, wanted.there_are),
        input=details.input,
        output=details.output,
        end=details.end,
    )


def _with_access(job: JobRow, first: tuple[str, ...], details: JobPayload) -> JobRow:
    """The access lists: the administrators and owners, then what was posted."""
    return replace(
        job,
        read_access=_fitting((*first, *details.read_access), ErrorNumber.READ_ACCESS_TOO_BIG),
        write_access=_fitting((*first, *details.write_access), ErrorNumber.WRITE_ACCESS_TOO_BIG),
    )


def _fitting(names: Sequence[str], too_big: ErrorNumber) -> tuple[str, ...]:
    """A list that fits its column whole: one cut short would grant other rights."""
    unique = comma_lists.unique(names)
    if len(comma_lists.join(unique).encode()) >= fields.SHORT:
        raise LGIError(too_big, "together with the owners and administrators")
    return unique


def _insert(transaction: Transaction, draft: PreparedJob, store: RepositoryWriter, now: int) -> JobRow:
    """Store the job and its repository; when the transaction does not last the repository goes again.

    The repository comes first, so that no job is ever seen without its files.
    """
    job = replace(draft.job, repository=store.new_name())
    transaction.undo(lambda: store.remove(job.repository))
    store.create(job.repository, job.write_access, draft.uploads)
    made = replace(job, job_id=jobs.insert(transaction, job))
    if draft.request:
        request = StoredRequest(draft.request.request_id, draft.contents, made.job_id)
        submit_requests.insert(transaction, draft.request.caller, [request], now)
    if draft.is_new_wish:
        licence_table.wish(transaction, made.application, made.licences)
    transaction.afterwards(partial(event_log.log_submitted, made))
    job_access.insert_names(transaction, made.job_id, made)
    event_queue.job_changed(transaction, now)
    return made
