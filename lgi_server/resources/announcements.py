"""What a resource announces when it signs up, or makes an exchange: capabilities, a renewed certificate."""

from dataclasses import replace
from functools import partial

from lgi_protocol import machine_state, xml
from lgi_protocol.machine_state import MachineState
from lgi_server.api.context import ResourceContext
from lgi_server.tables import active_resources
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.resource_machines import MachineReport


def store(call: ResourceContext) -> tuple[ResourceRow, bool]:
    """Store posted capabilities and a renewed certificate.

    Return the resource as it is then, and whether anything was new.
    """
    resource = call.resource
    is_new = False
    if call.capabilities and call.capabilities != resource.resource_capabilities:
        resource = replace(resource, resource_capabilities=call.capabilities)
        active_resources.set_capabilities(call.transaction, resource.resource_id, call.capabilities, call.now)
        is_new = True
    if renewed := call.renewed_certificate:
        active_resources.set_certificate(call.transaction, resource.resource_id, renewed)
        is_new = True
    if is_new:
        call.transaction.on_commit(partial(call.project.resources.invalidate, resource.resource_id))
    return resource, is_new


def store_machine(call: ResourceContext, machine: MachineState | None) -> None:
    """Store what a resource says of its machine, as far as it says anything, after the call."""
    text = " ".join(map(xml.write, machine_state.elements(machine))) if machine else ""
    if text:
        call.project.machines.add(call.resource.resource_id, MachineReport(text, call.now))
