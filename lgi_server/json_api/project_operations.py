"""The operations about the caller and the project."""

from lgi_protocol import comma_lists
from lgi_protocol.xml import Element
from lgi_server.api import fields
from lgi_server.api.context import InterfaceContext
from lgi_server.api.registry import Route
from lgi_server.api.responses import Elements
from lgi_server.auth.api_token import TokenIdentity
from lgi_server.interfaces import history, project
from lgi_server.json_api.operation import Operation
from lgi_server.json_api.parameter import Kind, Parameter
from lgi_server.services.jobs import targets
from lgi_server.tables import active_resources
from lgi_server.tables.active_resources import NO_SERVER


def caller_identity(call: InterfaceContext) -> Elements:
    """Return who calls, with which groups, in which project, and with which scopes of a token."""
    scopes = call.who.scopes if isinstance(call.who, TokenIdentity) else ()
    scope = (Element("scope", comma_lists.join(sorted(scopes))),) if scopes else ()
    return (*call.header(), *scope)


def application_list(call: InterfaceContext) -> Elements:
    """Return the applications that resources offer, and which of them do."""
    offers: dict[str, list[str]] = {}
    for one in active_resources.everyone(call.transaction):
        if one.project_server == NO_SERVER:
            for name in targets.applications_of(one):
                offers.setdefault(name, []).append(one.resource_name)
    return tuple(
        Element("offer", (Element("application", name), Element("offered_by", comma_lists.join(by))), number)
        for number, (name, by) in enumerate(sorted(offers.items()), 1)
    )


OPERATIONS = (
    Operation(
        "get_me",
        "GET",
        "/me",
        Route(caller_identity, InterfaceContext, writes=False),
        "Who the server takes you for.",
        "Caller",
        picked=("user", "groups", "project", "scope", "this_project_server"),
    ),
    Operation(
        "list_resources",
        "GET",
        "/resources",
        Route(project.interface_project_resource_list, InterfaceContext, writes=False),
        "The resources of the project, what they offer, and the licences of the project.",
        "ResourceList",
        picked=("resources", "licences"),
    ),
    Operation(
        "list_servers",
        "GET",
        "/servers",
        Route(project.interface_project_server_list, InterfaceContext, writes=False),
        "The master server of the project, and its slaves.",
        "ServerList",
        picked=("project_master_server", "project_servers"),
    ),
    Operation(
        "list_applications",
        "GET",
        "/applications",
        Route(application_list, InterfaceContext, writes=False),
        "The applications that can be submitted, and the resources that offer them.",
        "ApplicationList",
        picked=("applications",),
    ),
    Operation(
        "list_usage",
        "GET",
        "/usage",
        Route(history.interface_usage, InterfaceContext, writes=False),
        "What you have used, or your groups; for administrators what all have.",
        "UsageList",
        query=(
            Parameter(fields.USAGE_KIND, "Whose usage is meant.", words=("user", "group")),
            Parameter(
                fields.USAGE_BY, "What it is summed up by: a list of month, name, application, resource."
            ),
            Parameter(fields.USAGE_MONTH, "One month, as 202611.", Kind.INTEGER),
        ),
        picked=("kind", "usages"),
    ),
)
