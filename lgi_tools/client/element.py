"""One element of an answer, read into a value."""

from collections.abc import Callable
from typing import TypeVar

from lgi_protocol import xml
from lgi_protocol.errors import TransportError
from lgi_protocol.reply import Reply

_Value = TypeVar("_Value")


def read_element(server: str, reply: Reply, name: str, read: Callable[[str], _Value]) -> _Value:
    """Return what ``read`` makes of the first element of this name.

    Raises TransportError when there is none, or when ``read`` raises ValueError.
    """
    found = xml.find(reply.content, name)
    if found is None:
        raise TransportError(server, f"the answer has no <{name}>")
    try:
        return read(found.inside)
    except ValueError as error:
        raise TransportError(server, f"the answer has a {name} that cannot be read: {error}") from None
