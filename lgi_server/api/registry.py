"""The declaration of calls: a call can be reached only through a Route in the list of its folder."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lgi_server.api.context import CallContext, InterfaceContext
from lgi_server.api.form_parser import MOST_TEXT
from lgi_server.api.job_context import JobContext
from lgi_server.api.responses import Elements
from lgi_server.auth.api_token import Scope

Context = TypeVar("Context", bound=CallContext)


@dataclass(frozen=True)
class Route(Generic[Context]):
    """A call, named as its function ``view``; ``context`` is the kind of caller that may make it.

    A call that does not write never waits for writers. A ``bulk`` call has many jobs, whose files are posted
    as one. ``most_text`` are the bytes of all its fields together. A call that ``is_repeatable`` changes
    nothing more when it is made twice. ``for_jobs`` is the route of the same name for running jobs; without
    it jobs are refused. ``token_scopes`` is empty for calls that take no token; those of users that write
    need the scope to submit.
    """

    view: Callable[[Context], Elements]
    context: type[Context]
    writes: bool = True
    takes_files: bool = False
    bulk: bool = False
    most_text: int = MOST_TEXT
    is_repeatable: bool = False
    for_jobs: "Route[JobContext] | None" = None
    token_scopes: tuple[Scope, ...] = (Scope.READ,)

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes of which a token needs one for the call; none: it is made with a certificate only."""
        if not self.token_scopes or not issubclass(self.context, InterfaceContext):
            return ()
        if self.writes and self.token_scopes == (Scope.READ,):
            return (Scope.SUBMIT,)
        return self.token_scopes

    @property
    def name(self) -> str:
        """The last part of the call's URL."""
        return self.view.__name__


AnyRoute = Route[Any]
