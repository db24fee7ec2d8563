"""How a call is declared: each folder of endpoints has a list of these, and no call is reached without."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lgi_server.api.context import CallContext
from lgi_server.api.job_context import JobContext
from lgi_server.api.responses import Elements

Context = TypeVar("Context", bound=CallContext)


@dataclass(frozen=True)
class Route(Generic[Context]):
    """The call that is named as its function; ``context`` is the kind of caller that may make it.

    One that does not write holds up no writer. A ``bulk`` one brings many jobs, whose files come together as
    one. ``for_jobs`` is what a job finds under the name; without it jobs are refused.
    """

    view: Callable[[Context], Elements]
    context: type[Context]
    writes: bool = True
    takes_files: bool = False
    bulk: bool = False
    for_jobs: "Route[JobContext] | None" = None

    @property
    def name(self) -> str:
        """The last part of the call's address."""
        return self.view.__name__


AnyRoute = Route[Any]
