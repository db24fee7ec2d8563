"""The context of the calls of administrators."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api.context import CallRequest, InterfaceContext
from lgi_server.api.responses import Elements
from lgi_server.auth.api_token import TokenIdentity
from lgi_server.db.transaction import Transaction
from lgi_server.services.administration import administrators
from lgi_server.services.administration.changes import Actor, Changes
from lgi_server.services.project import peers
from lgi_server.services.project.recorded_changes import AdministrationError


@dataclass(frozen=True, kw_only=True)
class AdminContext(InterfaceContext):
    """A call of an administrator, by certificate or with a token of the scope ``admin``."""

    @classmethod
    def run(
        cls, view: Callable[[Self], Elements], request: CallRequest, transaction: Transaction
    ) -> Elements:
        """Return the answer of a call; LGIError UPDATE, with its reason, for a change that is refused."""
        try:
            return super().run(view, request, transaction)
        except AdministrationError as refused:
            raise LGIError(ErrorNumber.UPDATE, message=str(refused)) from None

    @classmethod
    def enter(cls, request: CallRequest, now: int, transaction: Transaction) -> Self:
        """Return the context of an administrator; LGIError CERTIFICATE or MODIFY_REFUSED for others."""
        context = super().enter(request, now, transaction)
        administrators.check(transaction, request.who, request.runtime.config.admin_group)
        return context

    @property
    def changes(self) -> Changes:
        """The changes that the caller may make."""
        means = f"token {self.who.token_id}" if isinstance(self.who, TokenIdentity) else "certificate"
        server = self.project.settings.server_name
        return Changes(self.transaction, Actor(self.user.name, means), server, self.now)

    def tell_slaves(self) -> None:
        """Have the slaves fetch a recorded change, as soon as it is committed."""
        peers.tell_slaves(self.runtime.config, self.project.name, self.transaction)
