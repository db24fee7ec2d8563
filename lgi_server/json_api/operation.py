"""The declaration of an operation: a call of users with its method, path, parameters and answer in JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from lgi_server.api.registry import AnyRoute
from lgi_server.json_api.parameter import Parameter
from lgi_server.json_api.values import PLURAL, Json

Fields = dict[str, str]


@dataclass(frozen=True)
class Operation:
    """An operation: it posts its parameters and ``fixed`` fields to a call, and picks JSON from the answer.

    ``path_parameters`` are in the path as ``{name}``. ``read`` makes fields from a whole body
    and the key of the request, where the body is no list of parameters; ``body_schema`` describes it then.
    ``picked`` are the names of the answer that are kept; with ``one`` the answer is the object of that name
    alone, of which ``only`` are the names that are kept, none: all.
    """

    name: str
    method: str
    path: str
    route: AnyRoute
    about: str
    answer: str
    query: tuple[Parameter, ...] = ()
    body: tuple[Parameter, ...] = ()
    path_parameters: tuple[Parameter, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    read: Callable[[Json, str], Fields] | None = None
    body_schema: Mapping[str, Any] = field(default_factory=dict)
    picked: tuple[str, ...] = ()
    one: str = ""
    only: tuple[str, ...] = ()
    status: HTTPStatus = HTTPStatus.OK
    idempotent_key: bool = False

    @property
    def has_body(self) -> bool:
        """Whether a request may have a body."""
        return bool(self.body or self.read)

    def result(self, answer: Json) -> Json:
        """Return what of an answer in JSON the operation answers."""
        if self.one:
            # A job that was asked for by its number is numbered as in a list.
            found = dict(answer[self.one] if self.one in answer else answer[PLURAL[self.one]][0])
            return {name: found[name] for name in self.only if name in found} if self.only else found
        lists: Json = {name: [] for name in self.picked if name in PLURAL.values()}
        return lists | {name: answer[name] for name in self.picked if name in answer}
