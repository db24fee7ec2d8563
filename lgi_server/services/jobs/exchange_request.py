"""The values of an exchange: what a daemon posts, and what it is answered."""

from dataclasses import dataclass

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.tables.job_queue.jobs import JobRow


@dataclass(frozen=True)
class PostedReport:
    """A report: the new ``state`` of a job, empty if it cannot be read, and the ``reason`` for that."""

    job_id: int
    reference: str
    state: str
    reason: str


@dataclass(frozen=True)
class PostedHold:
    """A job that a daemon has, as it was at ``stamp`` (its state_time_stamp, in seconds).

    ``wait_reason`` is why it cannot be started yet, empty if it waits no more; None for no news.
    """

    job_id: int
    reference: str
    stamp: int
    wait_reason: str | None = None


@dataclass(frozen=True)
class PostedWant:
    """Jobs that a daemon would take; ``cores`` and ``memory`` (MB) bound their sum, None for no bound.

    ``gpus`` bounds the GPUs that they request.
    """

    application: str
    count: int
    owners: tuple[str, ...] = ()
    without: frozenset[int] = frozenset()
    cores: int | None = None
    memory: int | None = None
    gpus: int = 0


@dataclass(frozen=True)
class PostedReference:
    """A reference for a new job, and the signing request (DER) for its certificate, empty for none."""

    reference: str
    request: bytes = b""


@dataclass(frozen=True)
class Verdict:
    """What is answered about a reported or held job: the job as it is now, or why not.

    ``job_id`` and ``reference`` are as posted when the report or hold cannot be read.
    """

    job_id: int | str
    reference: str
    job: JobRow | None = None
    error: LGIError | None = None

    @property
    def may_pass(self) -> bool:
        """Whether the same will soon be possible, since the job is only locked by somebody."""
        return self.error is not None and self.error.number == ErrorNumber.CANNOT_LOCK


@dataclass(frozen=True)
class RefusedItem:
    """A want or reference that cannot be read: its kind, the application or reference it names, and why."""

    kind: str
    name: str
    error: LGIError


@dataclass(frozen=True)
class GivenJob:
    """A job that runs under a reference of the daemon, with input and output."""

    job: JobRow
    reference: PostedReference
