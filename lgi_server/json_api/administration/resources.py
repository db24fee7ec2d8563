"""Resources and project servers: their registration, removal, and drains."""

from http import HTTPStatus

from lgi_server.api import admin_fields, admin_form
from lgi_server.api.admin_context import AdminContext
from lgi_server.api.responses import Elements
from lgi_server.json_api.administration import calls
from lgi_server.json_api.administration.calls import EVERYWHERE, NAME, SERVERS, change_route, read_route
from lgi_server.json_api.operation import Operation
from lgi_server.json_api.parameter import Parameter
from lgi_server.services.project.registration import NewResource
from lgi_server.tables import active_resources
from lgi_server.tables.active_resources import MASTER, NO_SERVER, SLAVE

_SHOWN = ("resource_name", "url", "last_call_time", "drained_since", "drain_reason")
_ROLES = {"resource": NO_SERVER, "master": MASTER, "slave": SLAVE}
_ROLE_NAMES = {number: name for name, number in _ROLES.items()}


def list_registered_resources(call: AdminContext) -> Elements:
    """Return all resources and project servers."""
    rows = active_resources.everyone(call.transaction)
    return calls.rows_answer(
        "resource",
        [{key: vars(one)[key] for key in _SHOWN} | {"role": _ROLE_NAMES[one.project_server]} for one in rows],
    )


def add_resource(call: AdminContext) -> Elements:
    """Register a resource or slave server with its certificate."""
    form = call.form
    new = NewResource(
        form.line(admin_fields.NAME),
        form.line(admin_fields.URL),
        form.text(admin_fields.CERTIFICATE),
        _ROLES[admin_form.one_of(form, admin_fields.ROLE, tuple(_ROLES))],
    )
    return calls.version_answer(call, call.changes.add_resource(new, servers=form.line(admin_fields.SERVERS)))


def remove_resource(call: AdminContext) -> Elements:
    """Remove a resource; its running jobs are queued again."""
    name, servers = call.form.line(admin_fields.NAME), call.form.line(admin_fields.SERVERS)
    return calls.version_answer(call, call.changes.remove_resource(name, servers=servers))


def drain_resource(call: AdminContext) -> Elements:
    """Give a resource no new jobs of this server."""
    call.changes.drain(call.form.line(admin_fields.NAME), call.form.line(admin_fields.REASON))
    return calls.local_answer()


def resume_resource(call: AdminContext) -> Elements:
    """Give a drained resource jobs of this server again."""
    call.changes.resume(call.form.line(admin_fields.NAME))
    return calls.local_answer()


OPERATIONS = (
    Operation(
        "list_registered_resources",
        "GET",
        "/admin/resources",
        read_route(list_registered_resources),
        "All resources and project servers, with their addresses.",
        "RegisteredResourceList",
        picked=("resources",),
    ),
    Operation(
        "add_resource",
        "POST",
        "/admin/resources",
        change_route(add_resource),
        "Register a resource or project server with its certificate.",
        "Recorded",
        body=(
            NAME,
            Parameter(admin_fields.URL, "Where it is: user@host, or the URL of a server.", required=True),
            Parameter(admin_fields.CERTIFICATE, "Its certificate (PEM).", required=True),
            Parameter(admin_fields.ROLE, "What it is (default: resource).", words=tuple(_ROLES)),
            SERVERS,
        ),
        fixed={**EVERYWHERE, "role": "resource"},
        picked=("version",),
        status=HTTPStatus.CREATED,
    ),
    Operation(
        "remove_resource",
        "DELETE",
        "/admin/resources",
        change_route(remove_resource),
        "Remove a resource; its running jobs are queued again.",
        "Recorded",
        query=(NAME, SERVERS),
        fixed=EVERYWHERE,
        picked=("version",),
    ),
    Operation(
        "drain_resource",
        "POST",
        "/admin/resources/drain",
        change_route(drain_resource),
        "Give a resource no new jobs of this server; those that it has go on.",
        "Recorded",
        body=(NAME, Parameter(admin_fields.REASON, "Shown to users, at most 254 bytes.")),
        picked=("version",),
    ),
    Operation(
        "resume_resource",
        "POST",
        "/admin/resources/resume",
        change_route(resume_resource),
        "Give a drained resource jobs of this server again.",
        "Recorded",
        body=(NAME,),
        picked=("version",),
    ),
)
