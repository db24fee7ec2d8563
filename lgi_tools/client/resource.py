"""A resource of a project."""

from datetime import datetime
from typing import TYPE_CHECKING

from lgi_protocol import xml
from lgi_protocol.value_object import value_object
from lgi_tools.client.timestamp import parse_time

if TYPE_CHECKING:
    # Commands that read no resource load none of it.
    from lgi_protocol.machine_state import MachineState


@value_object
class Resource:
    """A resource of the project; ``capabilities`` is XML with one element per application.

    ``drained_since`` is None for a resource that gets new jobs. ``machine`` is what it said of its machine
    at ``machine_told_at``: None if it says nothing, as older daemons do.
    """

    name: str
    capabilities: str
    last_call: datetime
    drained_since: datetime | None = None
    drain_reason: str = ""
    machine: "MachineState | None" = None
    machine_told_at: datetime | None = None

    @property
    def applications(self) -> tuple[str, ...]:
        """The names of the applications it offers."""
        return tuple(one.name for one in xml.elements(self.capabilities))


def read_resource(text: str) -> Resource:
    """Return the resource in a ``<resource>`` element."""
    from lgi_protocol import machine_state

    machine = xml.find(text, "machine")
    return Resource(
        name=xml.value(text, "resource_name"),
        capabilities=xml.value(text, "resource_capabilities"),
        last_call=parse_time(xml.value(text, "last_call_time")),
        drained_since=parse_time(since) if (since := xml.value(text, "drained_since")) else None,
        drain_reason=xml.value(text, "drain_reason"),
        machine=machine_state.read(machine.inside) if machine else None,
        machine_told_at=parse_time(xml.value(machine.inside, "told_at")) if machine else None,
    )
