"""Elements of answers about the project: its servers, resources and licences (wire.md 6 and 7)."""

from collections.abc import Sequence

from lgi_protocol import xml
from lgi_protocol.xml import Element
from lgi_server.api.responses import Elements
from lgi_server.services.access.principals import ProjectServers
from lgi_server.services.jobs.licences import Licence
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.resource_machines import MachineReport


def slave_servers(servers: ProjectServers) -> Elements:
    """Return the number of slave servers of the project, and their URLs."""
    return (
        Element("number_of_slave_servers", len(servers.slaves)),
        *(Element("project_server", server.url, number) for number, server in enumerate(servers.slaves, 1)),
    )


def drain(resource: ResourceRow) -> Elements:
    """Return, ours, since when a resource is drained and why; no element of one that is not."""
    if not resource.is_drained:
        return ()
    reason = (Element("drain_reason", resource.drain_reason),) if resource.drain_reason else ()
    return (Element("drained_since", resource.drained_since), *reason)


def machine(told: MachineReport | None) -> Elements:
    """Return, ours, what a resource has said of its machine, which was checked; no element if nothing."""
    if told is None:
        return ()
    when = xml.write(Element("told_at", told.told_at))
    return (Element("machine", f"{told.state} {when}", raw=True),)


def resource_list(found: Sequence[tuple[ResourceRow, MachineReport | None]]) -> Elements:
    """Return the resources of the project, their capabilities and (ours) their machines."""
    return (
        Element("number_of_resources", len(found)),
        *(
            Element(
                "resource",
                (
                    Element("resource_name", one.resource_name),
                    Element("resource_capabilities", one.resource_capabilities, raw=True),
                    Element("last_call_time", one.last_call_time),
                    *drain(one),
                    *machine(told),
                ),
                number,
            )
            for number, (one, told) in enumerate(found, 1)
        ),
    )


def licence_list(found: Sequence[Licence]) -> Elements:
    """Return the licences of the project; no element if it has none, as in LGI."""
    if not found:
        return ()
    return (
        Element("number_of_licences", len(found)),
        *(
            Element(
                "licence",
                (Element("name", one.name), Element("total", one.total), Element("used", one.used)),
                number,
            )
            for number, one in enumerate(found, 1)
        ),
    )
