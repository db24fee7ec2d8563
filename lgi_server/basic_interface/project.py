"""The pages of the project's resources and servers."""

from dataclasses import dataclass

from lgi_protocol import capabilities as lgi_protocol_capabilities
from lgi_protocol import machine_state
from lgi_server.basic_interface.registry import Answer, PageContext, Template
from lgi_server.services.access import daemons, principals
from lgi_server.services.jobs import targets
from lgi_server.tables import active_resources, resource_machines
from lgi_server.tables.active_resources import NO_SERVER, ResourceRow
from lgi_server.tables.job_queue import listing
from lgi_server.tables.resource_machines import MachineReport

# Seconds without a call after which a resource is shown as silent.
SILENT_SECONDS = 900


@dataclass(frozen=True)
class Seen:
    """A resource as the list shows it; ``running`` is how many jobs of each application run there.

    ``unavailable`` is why it takes no jobs of an application now, for those of which it says so;
    ``daemons`` is the number of daemons that have signed up as it lately, ``machine`` what it says of its
    machine, line by line.
    """

    resource: ResourceRow
    capabilities: str
    applications: tuple[str, ...]
    running: dict[str, int]
    is_silent: bool
    unavailable: dict[str, str]
    daemons: int
    machine: dict[str, str]


def resources(visit: PageContext) -> Answer:
    """Return the resources, what they offer, when they called last, and what runs there."""
    return Template("basic_interface/resources.html", {"resources": seen_resources(visit)})


def seen_resources(visit: PageContext) -> list[Seen]:
    """Return all resources of the project, by name."""
    registered = active_resources.everyone(visit.transaction)
    everyone = sorted(
        (one for one in registered if one.project_server == NO_SERVER), key=lambda one: one.resource_name
    )
    offered = sorted({name for one in everyone for name in targets.applications_of(one)})
    running = listing.running_at(visit.transaction, offered)
    numbers = daemons.counts(visit.transaction, visit.now)
    machines = resource_machines.reports(visit.transaction)
    return [
        Seen(
            resource=one,
            capabilities=lgi_protocol_capabilities.readable(one.resource_capabilities),
            applications=targets.applications_of(one),
            running=running.get(one.resource_name, {}),
            is_silent=one.last_call_time < visit.now - SILENT_SECONDS,
            unavailable=_unavailable(one),
            daemons=numbers.get(one.resource_id, 0),
            machine=_machine(machines.get(one.resource_id), visit.now),
        )
        for one in everyone
    ]


def _machine(told: MachineReport | None, now: int) -> dict[str, str]:
    return machine_state.read(told.state).lines(now) if told else {}


def _unavailable(resource: ResourceRow) -> dict[str, str]:
    reasons = {
        name: lgi_protocol_capabilities.unavailable_reason(resource.resource_capabilities, name)
        for name in targets.applications_of(resource)
    }
    return {name: why for name, why in reasons.items() if why}


def servers(visit: PageContext) -> Answer:
    """Return the master and the slaves, with links to their own interfaces."""
    found = principals.servers(visit.transaction)
    own = visit.visitor.server.config.projects[visit.visitor.project].server_name
    return Template("basic_interface/servers.html", {"servers": [found.master, *found.slaves], "own": own})
