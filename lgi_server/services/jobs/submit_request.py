"""The data of a submit: the request, its context, and the job that it becomes before it is stored."""

from collections.abc import Callable
from dataclasses import astuple, dataclass, field

from lgi_protocol.job_end import NO_END, End
from lgi_protocol.job_usage import NO_USAGE
from lgi_protocol.retry_rule import DEFAULT_BACKOFF
from lgi_server.config.model import Config, ProjectConfig
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import idempotency
from lgi_server.services.jobs.idempotency import IdempotencyKey
from lgi_server.storage.repository import NewRepository, RepositoryWriter, Upload
from lgi_server.tables.job_dependencies import ANY, OK
from lgi_server.tables.job_queue.jobs import JobRow


@dataclass(frozen=True)
class SubmitContext:
    """The transaction in which jobs are submitted, at ``now`` in seconds, and the settings of the project."""

    transaction: Transaction
    config: Config
    store: RepositoryWriter
    now: int
    settings: ProjectConfig
    # The certificate of a user (DER), which may have mail addresses.
    certificate: bytes = b""
    # What the plans of this call have become: many jobs of one call follow the same others.
    resolved: "dict[JobPlan, JobPlan]" = field(default_factory=dict)
    # How many urgent jobs groups have, with those of this call, as far as they were counted.
    urgent: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class FollowedArray:
    """An array whose elements a job follows: all, or those with indexes in ``ranges``, as ``kind`` says."""

    array_id: int
    ranges: tuple[tuple[int, int], ...]
    kind: str


@dataclass(frozen=True)
class Notify:
    """Of which ``events`` (`lgi_protocol.notification`) a user is to be told, at ``mail`` and ``webhook``."""

    events: tuple[str, ...]
    mail: str
    webhook: str


@dataclass(frozen=True)
class JobPlan:
    """When a new job that is queued is given out. ``hold``: not before a user releases it.

    It follows the jobs ``after`` when these have succeeded, ``after_any`` when they have ended. If one of the
    former fails it is aborted, with ``keep`` held for its users. It is tried again
    ``retries`` times when it fails as ``retry_on`` says, at first after ``backoff`` seconds. Of the queued
    jobs of one user that with the highest ``priority`` comes first; it rises before the ``deadline``, in
    seconds since 1970. It follows elements of ``arrays`` too. An ``urgent`` one comes before all others. No
    resource in ``not_on`` gets it. Its user is notified as ``notify`` says.
    """

    hold: bool = False
    after: tuple[int, ...] = ()
    after_any: tuple[int, ...] = ()
    keep: bool = False
    retries: int = 0
    retry_on: str = ""
    backoff: int = DEFAULT_BACKOFF
    priority: int = 0
    deadline: int | None = None
    arrays: tuple[FollowedArray, ...] = ()
    urgent: bool = False
    not_on: tuple[str, ...] = ()
    notify: Notify | None = None

    def values(self) -> tuple[object, ...]:
        """Return what differs between plans.

        Without notify, not_on, urgent, arrays, priority and deadline this is what it was before there were
        any: so a submit can be repeated after an upgrade.
        """
        values = astuple(self)
        if self.notify:
            return values
        values = values[:-1]
        if self.not_on:
            return values
        values = values[:-1]
        if self.urgent:
            return values
        values = values[:-1]
        if self.arrays:
            return values
        return values[:-1] if self.priority or self.deadline else values[:-3]

    @property
    def predecessors(self) -> dict[int, str]:
        """The kind of dependency on each job that this one follows, by job_id."""
        return {**dict.fromkeys(self.after_any, ANY), **dict.fromkeys(self.after, OK)}


NO_PLAN = JobPlan()


@dataclass(frozen=True)
class JobPayload:
    """The fields and files of a job other than application, targets and owners.

    ``source`` is the repository of another job whose files it gets too.
    """

    read_access: tuple[str, ...]
    write_access: tuple[str, ...]
    uploads: tuple[Upload, ...]
    job_specifics: str
    input: bytes
    output: bytes
    end: End = NO_END
    job_name: str = ""
    labels: str = ""
    source: str = ""
    plan: JobPlan = NO_PLAN


@dataclass(frozen=True)
class SubmitRequest:
    """A request to submit a job.

    ``details`` are read after the rules were checked, so that errors come in LGI's order. A request with a
    ``key`` creates one job, however often it is repeated. ``element`` is the request_id of the array that the
    job is an element of, and its index there.
    """

    application: str
    target_resources: tuple[str, ...]
    details: Callable[[], JobPayload]
    key: IdempotencyKey | None = None
    element: tuple[str, int] | None = None

    def fingerprint(self, details: JobPayload, *more: object) -> str:
        """Return a digest of the whole request, its details and ``more``."""
        kept = (details.read_access, details.write_access, details.job_specifics)
        end = _values(details.end) if details.end != NO_END else ()
        named = {"job_name": details.job_name, "labels": details.labels}
        source = {"source": details.source}
        plan = {"plan": details.plan.values() if details.plan != NO_PLAN else ()}
        array = {"element": self.element}
        more_data = [one for one in (named, source, plan, array) if any(one.values())]
        data = (details.input, details.output, *end, *more_data)
        return idempotency.fingerprint(
            (*more, self.application, self.target_resources, *kept, *data), details.uploads
        )


def _values(end: End) -> tuple[object, ...]:
    usage = () if end.usage == NO_USAGE else astuple(end.usage)
    return (end.exit_code, end.exit_signal, end.reason, *usage)


@dataclass(frozen=True)
class PreparedJob:
    """A job that has passed all checks, its repository, and key and fingerprint of its request.

    ``has_new_licences``: its request for licences is not stored yet.
    """

    job: JobRow
    repository: NewRepository
    key: IdempotencyKey | None
    fingerprint: str
    has_new_licences: bool
    plan: JobPlan = NO_PLAN
