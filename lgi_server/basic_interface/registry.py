"""The context of a page, its possible answers, and its declaration."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from werkzeug.datastructures import MultiDict

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api.form import Form
from lgi_server.auth.client_certificate import ClientCertificate
from lgi_server.db.transaction import Transaction
from lgi_server.runtime import Runtime
from lgi_server.services.access import principals
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.storage.repository import RepositoryWriter


@dataclass(frozen=True)
class PageUser:
    """A user in one project; ``token`` is for forms, ``now`` is in whole seconds."""

    server: Runtime
    who: ClientCertificate
    user: UserPrincipal
    project: str
    now: int
    token: str = ""

    @property
    def base(self) -> str:
        """The address of the project's pages, without a slash at the end."""
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
        """The names of the user in access lists, without the administrators' group."""
        return tuple(name for name in self.user.names if name != self.server.config.admin_group)


@dataclass(frozen=True)
class PageContext:
    """A request for a page inside a transaction; ``query`` has the parameters of the address."""

    visitor: PageUser
    transaction: Transaction
    query: Form
    posted: MultiDict[str, str]
    store: RepositoryWriter

    @property
    def form(self) -> Form:
        """The posted form."""
        return Form(self.posted)

    @property
    def user(self) -> UserPrincipal:
        """The user, with the groups of the certificate and the chosen ones."""
        return self.visitor.user

    @property
    def now(self) -> int:
        """The time, in whole seconds."""
        return self.visitor.now

    def check_administrator(self) -> None:
        """Raise LGIError READ_REFUSED unless the user is an administrator."""
        if not self.visitor.is_administrator:
            raise LGIError(ErrorNumber.READ_REFUSED, message="This page is for the project's administrators")


@dataclass(frozen=True)
class Template:
    """A page to render from a template."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: HTTPStatus = HTTPStatus.OK


@dataclass(frozen=True)
class Redirect:
    """A redirect to an address below the project's; ``keep`` are cookies to set."""

    path: str
    keep: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Download:
    """Data to download as a file, which browsers do not display, unless ``picture`` is its media type."""

    name: str
    data: bytes
    picture: str = ""


@dataclass(frozen=True)
class FileStream:
    """A ZIP archive to download, which is made while it is sent."""

    name: str
    parts: Iterator[bytes]


@dataclass(frozen=True)
class AfterCommit:
    """Slow work to do after the commit; it returns the answer."""

    do: "Callable[[], Finished]"


# What is sent to the browser.
Finished = Template | Redirect | Download | FileStream
Answer = Finished | AfterCommit


@dataclass(frozen=True)
class Page:
    """The declaration of a page. One with ``changes`` must be posted with the token of the session.

    ``refused`` makes an answer of an LGIError, with the context and the variables of the address; without it
    the answer is the general error page. Without ``writes`` it is posted and changes nothing.
    """

    path: str
    view: Callable[..., Answer]
    changes: bool = False
    takes_files: bool = False
    refused: Callable[..., Answer] | None = None
    writes: bool = True
