"""A resource of a project."""

from dataclasses import dataclass
from datetime import datetime

from lgi_protocol import xml
from lgi_tools.client.timestamp import parse_time


@dataclass(frozen=True)
class Resource:
    """A resource of the project; ``capabilities`` is XML with one element per application."""

    name: str
    capabilities: str
    last_call: datetime

    @property
    def applications(self) -> tuple[str, ...]:
        """The names of the applications it offers."""
        return tuple(one.name for one in xml.elements(self.capabilities))


def read_resource(text: str) -> Resource:
    """Return the resource in a ``<resource>`` element."""
    return Resource(
        name=xml.value(text, "resource_name"),
        capabilities=xml.value(text, "resource_capabilities"),
        last_call=parse_time(xml.value(text, "last_call_time")),
    )
