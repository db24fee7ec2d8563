"""The undo of recorded changes, and the log of all changes."""

from lgi_protocol.xml import Element
from lgi_server.api import admin_fields, fields
from lgi_server.api.admin_context import AdminContext
from lgi_server.api.responses import Elements
from lgi_server.json_api.administration import calls
from lgi_server.json_api.administration.calls import change_route, read_route
from lgi_server.json_api.operation import Operation
from lgi_server.json_api.parameter import Kind, Parameter
from lgi_server.services.project import administration, update_summary
from lgi_server.tables import administration_log

_MOST, _DEFAULT = 1000, 100


def last_change(call: AdminContext) -> Elements:
    """Return the newest change that can be taken back, and what that does."""
    found = administration.last_change(call.transaction)
    statements = [Element("statement", update_summary.summarize(text)) for text in found.statements]
    return (
        Element("version", found.version),
        Element("description", update_summary.summarize(found.query)),
        Element("servers", found.servers),
        *statements,
    )


def undo_change(call: AdminContext) -> Elements:
    """Take back a change if it is still the newest one."""
    made = call.changes.undo(call.form.number(admin_fields.VERSION))
    return calls.version_answer(call, made[-1] if made else 0)


def list_changes(call: AdminContext) -> Elements:
    """Return a page of the log, the newest first."""
    limit = min(max(call.form.number_or(fields.LIMIT, _DEFAULT), 1), _MOST)
    before = call.form.number_or(admin_fields.BEFORE, 0)
    found = administration_log.before(call.transaction, before, limit + 1)
    more = (Element("next", found[limit - 1].entry_id),) if len(found) > limit else ()
    return (*calls.rows_answer("entry", [vars(one) for one in found[:limit]]), *more)


OPERATIONS = (
    Operation(
        "get_last_change",
        "GET",
        "/admin/undo",
        read_route(last_change),
        "The newest recorded change that can be taken back, and what that does.",
        "LastChange",
        picked=("version", "description", "servers", "statements"),
    ),
    Operation(
        "undo_change",
        "POST",
        "/admin/undo",
        change_route(undo_change),
        "Take back a recorded change, if it is still the newest one.",
        "Recorded",
        body=(Parameter(admin_fields.VERSION, "Its version.", Kind.INTEGER, required=True, least=1),),
        picked=("version",),
    ),
    Operation(
        "list_changes",
        "GET",
        "/admin/log",
        read_route(list_changes),
        "The changes of administrators on this server, by ManageDB or these calls, the newest first.",
        "ChangeList",
        query=(
            Parameter(admin_fields.BEFORE, "The next of the page before.", Kind.INTEGER),
            Parameter(
                fields.LIMIT, "The most entries of a page, up to 1000 (default: 100).", Kind.INTEGER, least=1
            ),
        ),
        picked=("entries", "next"),
    ),
)
