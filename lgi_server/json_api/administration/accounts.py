"""The weights of users and groups in fair share, and the mail addresses of users, on this server."""

from lgi_server.api import admin_fields, admin_form
from lgi_server.api.admin_context import AdminContext
from lgi_server.api.responses import Elements
from lgi_server.json_api.administration import calls
from lgi_server.json_api.administration.calls import KIND, NAME, change_route, read_route
from lgi_server.json_api.operation import Operation
from lgi_server.json_api.parameter import Parameter
from lgi_server.services.project import share_weights
from lgi_server.tables import notification_users


def list_shares(call: AdminContext) -> Elements:
    """Return the users or groups that have a weight of their own."""
    kind = admin_form.kind_of(call.form)
    rows = share_weights.shares_of(call.transaction, kind)
    return calls.rows_answer(
        "share", [{"name": row[f"{kind}_name"], "weight": row["weight"]} for row in rows]
    )


def set_share(call: AdminContext) -> Elements:
    """Give a user or group a weight."""
    kind, name = admin_form.kind_of(call.form), call.form.line(admin_fields.NAME)
    call.changes.set_share(kind, name, call.form.line(admin_fields.WEIGHT))
    return calls.local_answer()


def remove_share(call: AdminContext) -> Elements:
    """Give a user or group the weight that everybody has."""
    call.changes.remove_share(admin_form.kind_of(call.form), call.form.line(admin_fields.NAME))
    return calls.local_answer()


def list_mail_addresses(call: AdminContext) -> Elements:
    """Return the mail addresses of users that administrators have set."""
    rows = notification_users.addresses(call.transaction)
    return calls.rows_answer("mail", [{"name": row["user_name"], "address": row["address"]} for row in rows])


def set_mail_address(call: AdminContext) -> Elements:
    """Set the mail address of a user."""
    call.changes.set_mail(call.form.line(admin_fields.NAME), call.form.line(admin_fields.ADDRESS))
    return calls.local_answer()


def remove_mail_address(call: AdminContext) -> Elements:
    """Remove the mail address of a user."""
    call.changes.remove_mail(call.form.line(admin_fields.NAME))
    return calls.local_answer()


OPERATIONS = (
    Operation(
        "list_shares",
        "GET",
        "/admin/shares",
        read_route(list_shares),
        "The users or groups that have a weight of their own on this server.",
        "ShareList",
        query=(KIND,),
        picked=("shares",),
    ),
    Operation(
        "set_share",
        "PUT",
        "/admin/shares",
        change_route(set_share),
        "Give a user or group another weight in the queue of this server.",
        "Recorded",
        body=(
            KIND,
            NAME,
            Parameter(
                admin_fields.WEIGHT, "From 0.01 to 1000, as text; 1 is what everybody has.", required=True
            ),
        ),
        picked=("version",),
    ),
    Operation(
        "remove_share",
        "DELETE",
        "/admin/shares",
        change_route(remove_share),
        "Give a user or group the weight that everybody has.",
        "Recorded",
        query=(KIND, NAME),
        picked=("version",),
    ),
    Operation(
        "list_mail_addresses",
        "GET",
        "/admin/mail",
        read_route(list_mail_addresses),
        "The mail addresses of users that an administrator has set on this server.",
        "MailAddressList",
        picked=("mails",),
    ),
    Operation(
        "set_mail_address",
        "PUT",
        "/admin/mail",
        change_route(set_mail_address),
        "Set the mail address of a user for notifications.",
        "Recorded",
        body=(NAME, Parameter(admin_fields.ADDRESS, "As carl@example.org.", required=True)),
        picked=("version",),
    ),
    Operation(
        "remove_mail_address",
        "DELETE",
        "/admin/mail",
        change_route(remove_mail_address),
        "Remove the mail address of a user.",
        "Recorded",
        query=(NAME,),
        picked=("version",),
    ),
)
