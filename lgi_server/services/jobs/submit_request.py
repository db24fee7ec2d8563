"""What is submitted, where, and what a submit becomes before it is stored."""

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field

from lgi_protocol.job_end import NO_END, End
from lgi_server.config.model import Config
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import idempotency
from lgi_server.services.jobs.idempotency import IdempotencyKey
from lgi_server.storage.base import RepositoryWriter, Upload
from lgi_server.tables.job_queue.jobs import JobRow


@dataclass(frozen=True)
class SubmitContext:
    """Where jobs are submitted: one transaction of a project with some licences, at a time in seconds."""

    transaction: Transaction
    config: Config
    store: RepositoryWriter
    now: int
    licences: Mapping[str, int] = field(default_factory=dict)


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

    A submit with a ``key`` makes one job, however often it is done.
    """

    application: str
    target_resources: tuple[str, ...]
    details: Callable[[], JobPayload]
    key: IdempotencyKey | None = None

    def fingerprint(self, details: JobPayload, *said: object) -> str:
        """Return a digest of all of it, and of what else is ``said``."""
        kept = (details.read_access, details.write_access, details.job_specifics)
        end = astuple(details.end) if details.end != NO_END else ()
        data = (details.input, details.output, *end)
        return idempotency.fingerprint(
            (*said, self.application, self.target_resources, *kept, *data), details.uploads
        )


@dataclass(frozen=True)
class PreparedJob:
    """A job that may be stored, its files, and the request that it answers, by key and fingerprint.

    ``is_new_wish`` when nobody has wanted these licences for its application before.
    """

    job: JobRow
    uploads: tuple[Upload, ...]
    key: IdempotencyKey | None
    fingerprint: str
    is_new_wish: bool
