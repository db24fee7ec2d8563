"""A resource of a project."""

from dataclasses import dataclass
from datetime import datetime

from lgi_protocol import xml
from lgi_tools.client.timestamp import parse_time


@dataclass(frozen=True)
class Resource:
    """A resource of the project; ``capabilities`` is XML with one element per application.

    ``drained_since`` is None for a resource that gets new jobs.
    """

    name: str
    capabilities: str
    last_call: datetime
    drained_since: datetime | None = None
    drain_reason: str = ""

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
        drained_since=parse_time(since) if (since := xml.value(text, "drained_since")) else None,
        drain_reason=xml.value(text, "drain_reason"),
    )
