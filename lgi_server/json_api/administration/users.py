"""Administrators, and users whose calls are refused, on this server."""

from http import HTTPStatus

from lgi_server.api import admin_fields
from lgi_server.api.admin_context import AdminContext
from lgi_server.api.responses import Elements
from lgi_server.json_api.administration import calls
from lgi_server.json_api.administration.calls import NAME, change_route, read_route
from lgi_server.json_api.operation import Operation
from lgi_server.json_api.parameter import Parameter
from lgi_server.tables import administrators, revoked_users

_REVOCATION = ("revoked", "revoked_by", "reason")


def list_administrators(call: AdminContext) -> Elements:
    """Return the users who may administrate the project over HTTP."""
    rows = administrators.listed(call.transaction)
    return calls.rows_answer(
        "administrator",
        [{"name": row["user_name"], "added": row["added"], "added_by": row["added_by"]} for row in rows],
    )


def add_administrator(call: AdminContext) -> Elements:
    """Let a user administrate the project over HTTP."""
    call.changes.add_administrator(call.form.line(admin_fields.NAME))
    return calls.local_answer()


def remove_administrator(call: AdminContext) -> Elements:
    """Let a user administrate the project over HTTP no more, unless it is the last one."""
    call.changes.remove_administrator(call.form.line(admin_fields.NAME))
    return calls.local_answer()


def list_revocations(call: AdminContext) -> Elements:
    """Return the users whose calls are refused."""
    rows = revoked_users.listed(call.transaction)
    return calls.rows_answer(
        "revocation", [{"name": one.user_name} | {key: vars(one)[key] for key in _REVOCATION} for one in rows]
    )


def revoke_user(call: AdminContext) -> Elements:
    """Refuse all calls of a user from the next one on, and revoke the tokens."""
    version = call.changes.revoke(call.form.line(admin_fields.NAME), call.form.line(admin_fields.REASON))
    return calls.version_answer(call, version) if version else calls.local_answer()


def readmit_user(call: AdminContext) -> Elements:
    """Answer the calls of a revoked user again."""
    version = call.changes.readmit(call.form.line(admin_fields.NAME))
    return calls.version_answer(call, version) if version else calls.local_answer()


OPERATIONS = (
    Operation(
        "list_administrators",
        "GET",
        "/admin/administrators",
        read_route(list_administrators),
        "The users who may make these calls, if their certificates have the administrators' group.",
        "AdministratorList",
        picked=("administrators",),
    ),
    Operation(
        "add_administrator",
        "POST",
        "/admin/administrators",
        change_route(add_administrator),
        "Let a user make these calls, with a certificate that has the administrators' group.",
        "Recorded",
        body=(NAME,),
        picked=("version",),
        status=HTTPStatus.CREATED,
    ),
    Operation(
        "remove_administrator",
        "DELETE",
        "/admin/administrators",
        change_route(remove_administrator),
        "Let a user make these calls no more, unless it is the last one who may.",
        "Recorded",
        query=(NAME,),
        picked=("version",),
    ),
    Operation(
        "list_revocations",
        "GET",
        "/admin/revocations",
        read_route(list_revocations),
        "The users whose calls this server refuses.",
        "RevocationList",
        picked=("revocations",),
    ),
    Operation(
        "revoke_user",
        "POST",
        "/admin/revocations",
        change_route(revoke_user),
        "Refuse all calls of a user, from the next one on, and revoke the tokens; queued jobs still run.",
        "Recorded",
        body=(NAME, Parameter(admin_fields.REASON, "Why, for the list.")),
        picked=("version",),
        status=HTTPStatus.CREATED,
    ),
    Operation(
        "readmit_user",
        "DELETE",
        "/admin/revocations",
        change_route(readmit_user),
        "Answer the calls of a revoked user again; the tokens stay revoked.",
        "Recorded",
        query=(NAME,),
        picked=("version",),
    ),
)
