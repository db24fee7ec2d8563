"""The context that the function of a call gets: its caller, and a transaction of its project's database.

Each kind of caller has a class here or in `job_context`. ``check`` checks what needs no database, ``enter``
finds the caller in the database. Every call is entered in this way, so none is unguarded.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from lgi_protocol import xml
from lgi_server.api import fields
from lgi_server.api.bulk_manifest import BulkEntry
from lgi_server.api.form import Form
from lgi_server.api.responses import Elements, ResponseBuilder
from lgi_server.auth import client_certificate
from lgi_server.background.long_poll_attach import AttachSubscription
from lgi_server.background.long_poll_users import KnownJobState
from lgi_server.background.timestamp_batcher import Timestamp
from lgi_server.background.work_subscription import WorkSubscription
from lgi_server.db.transaction import Transaction
from lgi_server.runtime import ProjectRuntime, Runtime
from lgi_server.services.access import principals
from lgi_server.services.access.principals import ProjectServers, ResourcePrincipal, UserPrincipal
from lgi_server.services.jobs import idempotency
from lgi_server.services.jobs.idempotency import IdempotencyKey
from lgi_server.services.jobs.submit_request import SubmitContext
from lgi_server.storage.repository import RepositoryWriter, Upload
from lgi_server.tables.active_resources import ResourceRow


@dataclass(frozen=True, kw_only=True)
class CallRequest:
    """A request before its transaction: the same for each attempt.

    ``who`` is a ClientCertificate, for calls of jobs a JobCertificate. ``checked`` is the result of
    ``check``. ``entries`` are the jobs of a bulk submit. ``may_wait`` is False for the last attempt of a long
    poll, ``most_jobs`` is its share of the jobs that have ended its wait, None for any number.
    ``updates_fetched``: missing updates were fetched from the master before this attempt.
    """

    runtime: Runtime
    project: ProjectRuntime
    who: Any
    form: Form
    checked: Any
    answers: ResponseBuilder
    store: RepositoryWriter
    uploads: Callable[[], tuple[Upload, ...]]
    entries: tuple[BulkEntry, ...] = ()
    may_wait: bool = True
    most_jobs: int | None = None
    updates_fetched: bool = False

    @property
    def has_request_ids(self) -> bool:
        """Whether the same request again is answered with the jobs of the first one."""
        if self.entries:
            return all(entry.request_id for entry in self.entries)
        return bool(self.form.line(fields.REQUEST_ID))


@dataclass(frozen=True, kw_only=True)
class CallContext(CallRequest, ABC):
    """A request inside a transaction; ``now`` is in whole seconds."""

    transaction: Transaction
    now: int

    @staticmethod
    def project_name(form: Form, who: Any, runtime: Runtime) -> str:
        """Return the project a call is for; LGIError PROJECT_TOO_BIG, PROJECT_REFUSED or PROJECT_UNKNOWN."""
        return principals.project_name(who, form.line(fields.PROJECT), runtime.config)

    @classmethod
    def prepare(cls, request: CallRequest) -> CallRequest:
        """Do what a call does once, before its transaction; return the request for that."""
        return request

    @classmethod
    def run(
        cls, view: Callable[[Self], Elements], request: CallRequest, transaction: Transaction
    ) -> Elements:
        """Return the answer of a call; LGIError unless the caller may make it."""
        return view(cls.enter(request, int(time.time()), transaction))

    @classmethod
    @abstractmethod
    def enter(cls, request: CallRequest, now: int, transaction: Transaction) -> Self:
        """Return the context of a known caller; LGIError otherwise."""

    def wait_for(self, subscription: WorkSubscription | KnownJobState | AttachSubscription) -> None:
        """Raise LongPoll when the caller has posted ``wait`` and may still wait."""
        seconds = min(self.form.number_or(fields.WAIT, 0), self.runtime.config.longest_wait)
        if seconds and self.may_wait:
            raise self.project.long_poll(subscription, seconds)

    def submit_context(self) -> SubmitContext:
        """Return the context for submitting the jobs of this call."""
        return SubmitContext(
            self.transaction, self.runtime.config, self.store, self.now, self.project.settings
        )

    def idempotency_key(self, kind: str, name: str, form: Form | None = None) -> IdempotencyKey | None:
        """Return the key of a submit, None without a posted request_id; LGIError SUBMIT_REFUSED.

        A job of a bulk submit has its own ``form``.
        """
        posted = (form or self.form).line(fields.REQUEST_ID)
        if not posted:
            return None
        key = idempotency.make_key(kind, name, posted)
        self.project.timestamps.add((Timestamp.SUBMIT_REQUEST, 0), self.now)
        return key


@dataclass(frozen=True, kw_only=True)
class ResourceContext(CallContext):
    """A call of a registered resource; ``session_id`` is 0 for a call outside a session."""

    resource: ResourceRow
    servers: ProjectServers
    session_id: int = 0

    @staticmethod
    def check(form: Form, _who: Any, _runtime: Runtime) -> Any:
        """Return the posted capabilities, which every call of a resource may have.

        Raises LGIError PROJECT_TOO_BIG, CAPABILITIES_TOO_BIG or CAPABILITIES_XML.
        """
        form.line(fields.PROJECT)
        return form.markup(fields.CAPABILITIES, reserved=xml.CAPABILITIES_TAGS)

    @classmethod
    def enter(cls, request: CallRequest, now: int, transaction: Transaction) -> Self:
        """Return the context of the calling resource; LGIError RESOURCE_UNKNOWN or CERTIFICATE."""
        caller = principals.resource(transaction, request.who, request.project.resources)
        request.project.timestamps.add((Timestamp.RESOURCE_CALL, caller.resource.resource_id), now)
        request.form.text(fields.UNUSED_SESSION_ID)
        return cls._of(caller, request, now, transaction)

    @classmethod
    def _of(
        cls,
        caller: ResourcePrincipal,
        request: CallRequest,
        now: int,
        transaction: Transaction,
        session_id: int = 0,
    ) -> Self:
        return cls(
            **vars(request),
            transaction=transaction,
            now=now,
            resource=caller.resource,
            servers=caller.servers,
            session_id=session_id,
        )

    def header(self) -> Elements:
        """Return the elements that every answer to a resource starts with."""
        return self.answers.resource_header(self.resource, self.servers, self.session_id or None)

    def wait_unless(self, result: object, subscription: WorkSubscription) -> None:
        """Raise LongPoll when the result is empty and the caller may wait."""
        if not result:
            self.wait_for(subscription)

    @property
    def capabilities(self) -> str:
        """The posted capabilities, empty if there are none."""
        return str(self.checked)

    @property
    def renewed_certificate(self) -> str:
        """The certificate of the connection (PEM) if it expires after the registered one, otherwise empty."""
        return client_certificate.renewed_pem(self.resource.client_certificate, self.who)


@dataclass(frozen=True, kw_only=True)
class SessionContext(ResourceContext):
    """A call of a resource in its session."""

    @classmethod
    def enter(cls, request: CallRequest, now: int, transaction: Transaction) -> Self:
        """Return the context of the calling resource in its session.

        Raises LGIError RESOURCE_UNKNOWN, CERTIFICATE, SESSION_ID, SESSION_ID_TOO_BIG or NO_SESSION.
        """
        # One statement reads both; errors of the session_id come after those of the resource.
        posted = request.form.number_to_look_up(fields.SESSION_ID)
        caller = principals.resource(transaction, request.who, request.project.resources, posted)
        request.project.timestamps.add((Timestamp.RESOURCE_CALL, caller.resource.resource_id), now)
        session_id = request.form.number(fields.SESSION_ID)
        idle_limit = request.runtime.config.scheduler.session_limit
        caller.check_session(session_id, now - idle_limit)
        request.project.timestamps.add((Timestamp.SESSION_USE, session_id), now)
        return cls._of(caller, request, now, transaction, session_id)


@dataclass(frozen=True, kw_only=True)
class InterfaceContext(CallContext):
    """A call of a user."""

    user: UserPrincipal

    @staticmethod
    def check(form: Form, who: Any, runtime: Runtime) -> UserPrincipal:
        """Return the calling user.

        Raises LGIError GROUPS, GROUPS_TOO_BIG, USER, USER_TOO_BIG, PROJECT_TOO_BIG, USER_DIFFERS or
        GROUPS_REFUSED, in this order.
        """
        groups = form.names(fields.GROUPS)
        name = form.line(fields.USER)
        form.line(fields.PROJECT)
        return principals.user(who, name, groups, runtime.config)

    @classmethod
    def enter(cls, request: CallRequest, now: int, transaction: Transaction) -> Self:
        """Return the context of a user; LGIError CERTIFICATE for one who was revoked.

        The certificate alone identifies users.
        """
        principals.check_user(transaction, request.checked.name)
        return cls(**vars(request), transaction=transaction, now=now, user=request.checked)

    def submit_context(self) -> SubmitContext:
        """Return the context for submitting the jobs of this call."""
        who, settings = self.who, self.project.settings
        return SubmitContext(
            self.transaction, self.runtime.config, self.store, self.now, settings, certificate=who.der
        )

    def header(self) -> Elements:
        """Return the elements that most answers to a user start with."""
        servers = principals.recent_servers(self.transaction, self.project.resources)
        return self.answers.user_header(self.user, servers)


@dataclass(frozen=True, kw_only=True)
class ServerContext(CallContext):
    """A call of a project server: another one, or the tools of this one."""

    resource: ResourceRow
    servers: ProjectServers

    check = staticmethod(ResourceContext.check)

    @classmethod
    def enter(cls, request: CallRequest, now: int, transaction: Transaction) -> Self:
        """Return the context of the calling server; LGIError RESOURCE_UNKNOWN, CERTIFICATE, NOT_A_SERVER."""
        caller = principals.project_server(transaction, request.who, request.project.resources)
        request.project.timestamps.add((Timestamp.RESOURCE_CALL, caller.resource.resource_id), now)
        return cls(
            **vars(request),
            transaction=transaction,
            now=now,
            resource=caller.resource,
            servers=caller.servers,
        )

    def header(self) -> Elements:
        """Return the elements that every answer to a server starts with."""
        return self.answers.project_header(self.servers)
