"""The calls by which users see what the project has (wire.md 7)."""

from lgi_server.api import project_elements
from lgi_server.api.context import InterfaceContext
from lgi_server.api.responses import Elements
from lgi_server.services.access import principals
from lgi_server.services.jobs import licences
from lgi_server.tables import resource_machines
from lgi_server.tables.active_resources import NO_SERVER


def interface_project_server_list(call: InterfaceContext) -> Elements:
    """Return the project's servers."""
    servers = principals.servers(call.transaction)
    header = call.answers.user_first_header(call.user, servers)
    return (*header, *project_elements.slave_servers(servers))


def interface_project_resource_list(call: InterfaceContext) -> Elements:
    """Return the project's resources, what they offer and (ours) say of their machines, and its licences."""
    everyone = resource_machines.of_everyone(call.transaction)
    servers = principals.servers_among([one for one, _machine in everyone])
    header = call.answers.user_first_header(call.user, servers)
    resources = [(one, machine) for one, machine in everyone if one.project_server == NO_SERVER]
    found = licences.listed(call.transaction, call.project.licences) if call.project.licences else []
    return (*header, *project_elements.resource_list(resources), *project_elements.licence_list(found))
