"""What the view of a call is given: its caller, and one transaction of its project's database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lgi_server.api import fields
from lgi_server.api.bulk_manifest import BulkEntry
from lgi_server.api.fields import Form
from lgi_server.api.responses import Elements, ResponseBuilder
from lgi_server.auth.client_certificate import TrustConfig
from lgi_server.background.long_poll_jobs import KnownJobState
from lgi_server.background.long_poll_work import LongPollCall, WorkSubscription
from lgi_server.background.metrics import Metrics
from lgi_server.background.timestamp_batcher import TimestampBatcher
from lgi_server.config.model import Config
from lgi_server.db.database import Transaction
from lgi_server.services.access import principals
from lgi_server.services.access.job_principals import AuthenticatedJob
from lgi_server.services.access.principals import ProjectServers, UserPrincipal
from lgi_server.services.access.resource_cache import ResourceCache
from lgi_server.services.jobs import idempotency
from lgi_server.services.jobs.idempotency import IdempotencyKey
from lgi_server.storage.base import RepositoryWriter, Upload
from lgi_server.tables.active_resources import ResourceRow


@dataclass(frozen=True)
class CallContext:
    """One request inside its transaction; ``now`` is in whole seconds."""

    transaction: Transaction
    form: Form
    now: int
    config: Config
    trust: TrustConfig
    project: str
    answers: ResponseBuilder
    store: RepositoryWriter
    touches: TimestampBatcher
    directory: ResourceCache
    metrics: Metrics
    uploads: Callable[[], tuple[Upload, ...]]
    cycled: bool
    may_wait: bool
    entries: tuple[BulkEntry, ...]

    def wait_for(self, wish: WorkSubscription | KnownJobState) -> None:
        """Raise Nothing when the caller has said that it would wait for what it wishes."""
        seconds = min(self.form.number_or(fields.WAIT, 0), self.config.longest_wait)
        if seconds and self.may_wait:
            raise LongPollCall(self.project, wish, seconds)

    @property
    def licences(self) -> Mapping[str, int]:
        """The licences of the project, and how many there are of each."""
        return self.config.projects[self.project].licences

    def request(self, kind: str, name: str, form: Form | None = None) -> IdempotencyKey | None:
        """The id a submit, or one of many in a form of its own, was given by its caller; LGIError 33."""
        found = idempotency.request(kind, name, (form or self.form).word(fields.REQUEST_ID))
        if found:
            self.touches.request(self.now)
        return found


@dataclass(frozen=True)
class ResourceContext(CallContext):
    """A call of a known resource; ``session_id`` is 0 for calls that need no session."""

    resource: ResourceRow
    servers: ProjectServers
    session_id: int
    capabilities: str
    # The certificate that was shown (PEM) when it ends after the registered one, otherwise empty.
    renewed: str

    def header(self) -> Elements:
        """What every answer to a resource starts with."""
        return self.answers.resource_header(self.resource, self.servers, self.session_id or None)

    def wait_unless(self, found: object, wish: WorkSubscription) -> None:
        """Raise Nothing when nothing was found and the caller has said that it would wait."""
        if not found:
            self.wait_for(wish)


@dataclass(frozen=True)
class InterfaceContext(CallContext):
    """A call of a user."""

    user: UserPrincipal

    def header(self) -> Elements:
        """What most answers to a user start with."""
        servers = principals.recent_servers(self.transaction, self.directory)
        return self.answers.user_header(self.user, servers)


@dataclass(frozen=True)
class ServerContext(CallContext):
    """A call of another project server, or of this one's own tools."""

    resource: ResourceRow
    servers: ProjectServers
    server_name: str

    def header(self) -> Elements:
        """What every answer to a server starts with."""
        return self.answers.project_header(self.servers)


@dataclass(frozen=True)
class JobContext(CallContext):
    """A call of a job that runs, which is all its certificate allows beside its files."""

    holder: AuthenticatedJob
    servers: ProjectServers

    def header(self) -> Elements:
        """What an answer to its resource would start with."""
        return self.answers.resource_header(self.holder.resource, self.servers)
