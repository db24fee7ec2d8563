"""What a page is given, what it answers, and how one is declared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from werkzeug.datastructures import MultiDict

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api.fields import Form
from lgi_server.auth.client_certificate import ClientCertificate
from lgi_server.db.transaction import Transaction
from lgi_server.runtime import Runtime
from lgi_server.services.access import principals
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.storage.repository import RepositoryWriter


@dataclass(frozen=True)
class PageUser:
    """Somebody with a certificate, in one project; ``now`` is in whole seconds."""

    server: Runtime
    who: ClientCertificate
    user: UserPrincipal
    project: str
    now: int
    token: str = ""

    @property
    def base(self) -> str:
        """Where the pages of the project begin, without a slash at the end."""
        return f"{self.server.config.prefix}/basic_interface/{self.project}"

    @property
    def projects(self) -> list[str]:
        """The projects of this server that the certificate allows."""
        return [name for name in self.server.config.projects if self.who.name.allows_project(name)]

    @property
    def is_administrator(self) -> bool:
        """Whether the certificate is in the administrators' group."""
        return self.server.config.admin_group in self.user.groups

    @property
    def may_choose_groups(self) -> bool:
        """Whether the certificate grants groups that it does not name."""
        return principals.may_choose_groups(self.who.name, self.server.config)

    @property
    def own_names(self) -> tuple[str, ...]:
        """What the visitor is known by in access lists, other than as an administrator."""
        return tuple(name for name in self.user.names if name != self.server.config.admin_group)


@dataclass(frozen=True)
class PageContext:
    """One request for a page inside its transaction: ``query`` is from the address."""

    visitor: PageUser
    transaction: Transaction
    query: Form
    posted: MultiDict[str, str]
    store: RepositoryWriter

    @property
    def form(self) -> Form:
        """What was posted, as fields with their limits."""
        return Form(self.posted)

    @property
    def user(self) -> UserPrincipal:
        """The user, with all groups of the certificate."""
        return self.visitor.user

    @property
    def now(self) -> int:
        """The time, in whole seconds."""
        return self.visitor.now

    def check_administrator(self) -> None:
        """LGIError READ_REFUSED unless the certificate is in the administrators' group."""
        if not self.visitor.is_administrator:
            raise LGIError(ErrorNumber.READ_REFUSED, message="This page is for the project's administrators")


@dataclass(frozen=True)
class Template:
    """A page from a template."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: HTTPStatus = HTTPStatus.OK


@dataclass(frozen=True)
class Redirect:
    """Another page to go to, by its address below the project's; the browser is to ``keep`` these cookies."""

    path: str
    keep: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Download:
    """Bytes for the visitor's disk, never shown by a browser as something of ours."""

    name: str
    data: bytes


@dataclass(frozen=True)
class AfterCommit:
    """Work that takes a while, for when the transaction is over, and what that answers."""

    do: Callable[[], "Template | Redirect"]


Answer = Template | Redirect | Download | AfterCommit


@dataclass(frozen=True)
class Page:
    """How a page is reached. One that changes something is only ever posted, with the session's token."""

    path: str
    view: Callable[..., Answer]
    changes: bool = False
    takes_files: bool = False
    refused: "Callable[[PageContext, LGIError], Template] | None" = None
