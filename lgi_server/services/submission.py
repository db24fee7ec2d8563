"""New jobs: who may submit what to whom, and what is stored when everything is acceptable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from lgi_protocol import lists, xml
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server import forms
from lgi_server.config import Config
from lgi_server.database import Transaction
from lgi_server.services import locking, permissions, story
from lgi_server.services.callers import Servers, User, servers_among
from lgi_server.services.stores import Making, Upload
from lgi_server.tables import access, events, jobs
from lgi_server.tables.active_resources import Resource
from lgi_server.tables.jobs import Job


@dataclass(frozen=True)
class Details:
    """What a job is given beside its application, targets and owners."""

    read_access: tuple[str, ...]
    write_access: tuple[str, ...]
    uploads: tuple[Upload, ...]
    job_specifics: str
    input: bytes
    output: bytes


@dataclass(frozen=True)
class Wanted:
    """What is submitted. ``details`` are read after the rules, so that faults are answered in LGI's order."""

    application: str
    target_resources: tuple[str, ...]
    details: Callable[[], Details]


def by_user(
    transaction: Transaction, user: User, wanted: Wanted, config: Config, store: Making, now: int
) -> tuple[Job, Servers]:
    """Queue a user's job; LGIError 6, 70, 28, 33, those of the details, or 68.

    What a submit is judged by is read in one look; the project's servers, for the answer, are in it.
    """
    rules, everyone = permissions.judging(transaction, user.names, wanted.application)
    servers = servers_among(everyone)
    targets = known_targets(everyone, wanted.application, wanted.target_resources)
    owners = permissions.allowed_owners(transaction, rules, user, wanted.application)
    details = wanted.details()
    job = _new_job(wanted.application, State.QUEUED.value, owners, targets, details, now)
    job = _with_access(job, (config.admin_group, user.name), details)
    return _insert(transaction, job, details, store, now), servers


def by_resource(
    transaction: Transaction,
    caller: tuple[Resource, int],
    wanted: Wanted,
    state: str,
    owners: Sequence[str],
    config: Config,
    store: Making,
    now: int,
) -> Job:
    """Insert a resource's job, locked for its session; LGIError 70, 28, 29, those of the details, or 68."""
    made = _for_owners(transaction, wanted, state, owners, config, store, now)
    resource, session_id = caller
    locking.take(transaction, [made], resource, session_id, now)
    return replace(made, lock_state=1)


def by_job(
    transaction: Transaction,
    parent: Job,
    wanted: Wanted,
    owners: Sequence[str],
    config: Config,
    store: Making,
    now: int,
) -> Job:
    """Queue a job for some owners of one that runs; LGIError 25, 70, 28, 29, those of the details, or 68.

    One that is being aborted may still bring its files home, and begin nothing.
    """
    if parent.state == State.ABORTING:
        raise LGIError(ErrorNumber.STATE, f"job {parent.job_id} is being aborted and may submit nothing")
    own = tuple(owner for owner in owners if owner in parent.owners)
    made = _for_owners(transaction, wanted, State.QUEUED.value, own, config, store, now)
    transaction.afterwards(partial(story.followed, made, parent))
    return made


def _for_owners(
    transaction: Transaction,
    wanted: Wanted,
    state: str,
    owners: Sequence[str],
    config: Config,
    store: Making,
    now: int,
) -> Job:
    """Insert a job for those of the owners who may submit it."""
    rules, everyone = permissions.judging(transaction, owners, wanted.application)
    targets = known_targets(everyone, wanted.application, wanted.target_resources)
    allowed = permissions.owners_allowed(transaction, rules, owners, wanted.application)
    if not allowed:
        raise LGIError(ErrorNumber.OWNERS_REFUSED, wanted.application)
    details = wanted.details()
    job = _new_job(wanted.application, state, allowed, targets, details, now)
    job = _with_access(job, (config.admin_group, *allowed), details)
    return _insert(transaction, job, details, store, now)


def known_targets(everyone: Sequence[Resource], application: str, targets: Sequence[str]) -> tuple[str, ...]:
    """The targets that offer an application; LGIError 70 when nobody does, 28 when none of them does."""
    offering = {one.resource_name for one in everyone if offers(one, application)}
    if not offering:
        raise LGIError(ErrorNumber.APPLICATION_UNKNOWN, application)
    if lists.ANY in targets:
        return (lists.ANY,)
    known = tuple(target for target in targets if target in offering)
    if not known:
        raise LGIError(ErrorNumber.NO_TARGET, application)
    return known


def offers(resource: Resource, application: str) -> bool:
    """Whether a resource has said that it offers an application."""
    return xml.find(resource.resource_capabilities, application) is not None


def _new_job(
    application: str,
    state: str,
    owners: tuple[str, ...],
    targets: tuple[str, ...],
    details: Details,
    now: int,
) -> Job:
    return Job(
        job_id=0,
        state=state,
        application=application,
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
        input=details.input,
        output=details.output,
    )


def _with_access(job: Job, first: tuple[str, ...], details: Details) -> Job:
    """The access lists: the administrators and owners, then what was posted."""
    return replace(
        job,
        read_access=_fitting((*first, *details.read_access), ErrorNumber.READ_ACCESS_TOO_BIG),
        write_access=_fitting((*first, *details.write_access), ErrorNumber.WRITE_ACCESS_TOO_BIG),
    )


def _fitting(names: Sequence[str], too_big: ErrorNumber) -> tuple[str, ...]:
    """A list that fits its column whole: one cut short would grant other rights."""
    unique = lists.unique(names)
    if len(lists.join(unique).encode()) >= forms.SHORT:
        raise LGIError(too_big, "together with the owners and administrators")
    return unique


def _insert(transaction: Transaction, job: Job, details: Details, store: Making, now: int) -> Job:
    """Store the job and its repository; when the transaction does not last the repository goes again.

    The repository comes first, so that no job is ever seen without its files.
    """
    job = replace(job, repository=store.new_name())
    transaction.undo(lambda: store.remove(job.repository))
    store.create(job.repository, job.write_access, details.uploads)
    made = replace(job, job_id=jobs.insert(transaction, job))
    transaction.afterwards(partial(story.submitted, made))
    access.insert(transaction, made.job_id, made)
    events.insert(transaction, events.SCHEDULE_CYCLE, now)
    return made
