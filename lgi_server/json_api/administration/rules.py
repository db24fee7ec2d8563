"""Rules of who may submit what, and the rights of groups to urgent jobs."""

from dataclasses import replace

from lgi_server.api import admin_fields, admin_form
from lgi_server.api.admin_context import AdminContext
from lgi_server.api.responses import Elements
from lgi_server.json_api.administration import calls
from lgi_server.json_api.administration.calls import EVERYWHERE, KIND, NAME, SERVERS, change_route, read_route
from lgi_server.json_api.operation import Operation
from lgi_server.json_api.parameter import Kind, Parameter
from lgi_server.services.project import urgent_rights
from lgi_server.tables import submit_rules, urgent_jobs

_ALLOWED = "allowed"
_RULE = Parameter(admin_fields.RULE, "What the rule says.", required=True, words=admin_form.RULES)
_WHOSE = (
    Parameter(admin_fields.RULE_NAME, "The name of the user or group, or any."),
    Parameter(admin_fields.RULE_APPLICATION, "The application, or any."),
)
_SUBJECT = tuple(replace(one, required=True) for one in _WHOSE)
_LIMIT = "0: no limit; N: N jobs in any state; -N: N queued and running ones."


def list_rules(call: AdminContext) -> Elements:
    """Return the rules of a kind, as ManageDB lists them."""
    kind, rule, name, application = _named(call)
    found = submit_rules.listed(call.transaction, kind, rule, name, application)
    rows = [
        {"name": row[f"{kind}_name"], "application": row["application"]}
        | ({"job_limit": row["job_limit"]} if rule == _ALLOWED else {})
        for row in found
        if row["application"] != urgent_jobs.APPLICATION
    ]
    return calls.rows_answer("rule", rows)


def set_rule(call: AdminContext) -> Elements:
    """Allow or deny a user or group an application."""
    kind, rule, name, application = _named(call)
    servers = call.form.line(admin_fields.SERVERS)
    if rule == _ALLOWED:
        limit = admin_form.signed_number(call.form, admin_fields.JOB_LIMIT)
        return calls.version_answer(call, call.changes.allow(kind, name, application, limit, servers=servers))
    return calls.version_answer(call, call.changes.deny(kind, name, application, servers=servers))


def remove_rules(call: AdminContext) -> Elements:
    """Remove rules by name, application or both."""
    kind, rule, name, application = _named(call)
    servers = call.form.line(admin_fields.SERVERS)
    version = call.changes.remove_rule(kind, rule, name, application, servers=servers)
    return calls.version_answer(call, version)


def _named(call: AdminContext) -> tuple[str, str, str, str]:
    """Return kind, rule, name and application of a rule."""
    form = call.form
    return (
        admin_form.kind_of(form),
        admin_form.one_of(form, admin_fields.RULE, admin_form.RULES),
        form.line(admin_fields.RULE_NAME),
        form.line(admin_fields.RULE_APPLICATION),
    )


def list_urgent_rights(call: AdminContext) -> Elements:
    """Return the groups that may have urgent jobs."""
    rows = urgent_rights.listed(call.transaction)
    return calls.rows_answer(
        "right",
        [{"name": row["group_name"]} | {key: row[key] for key in ("job_limit", "used")} for row in rows],
    )


def set_urgent_right(call: AdminContext) -> Elements:
    """Set the number of urgent jobs that a group may have at once."""
    limit = admin_form.signed_number(call.form, admin_fields.URGENT_LIMIT)
    servers = call.form.line(admin_fields.SERVERS)
    version = call.changes.allow_urgent(call.form.line(admin_fields.NAME), limit, servers=servers)
    return calls.version_answer(call, version)


def remove_urgent_right(call: AdminContext) -> Elements:
    """Let a group have no more urgent jobs."""
    servers = call.form.line(admin_fields.SERVERS)
    return calls.version_answer(
        call, call.changes.remove_urgent(call.form.line(admin_fields.NAME), servers=servers)
    )


OPERATIONS = (
    Operation(
        "list_rules",
        "GET",
        "/admin/rules",
        read_route(list_rules),
        "Who may submit what: rules that allow or deny.",
        "RuleList",
        query=(KIND, _RULE, *_WHOSE),
        picked=("rules",),
    ),
    Operation(
        "set_rule",
        "PUT",
        "/admin/rules",
        change_route(set_rule),
        "Allow or deny a user or group an application, or change the limit.",
        "Recorded",
        body=(
            KIND,
            _RULE,
            *_SUBJECT,
            Parameter(admin_fields.JOB_LIMIT, _LIMIT, Kind.INTEGER, least=-(10**9)),
            SERVERS,
        ),
        fixed=EVERYWHERE,
        picked=("version",),
    ),
    Operation(
        "remove_rules",
        "DELETE",
        "/admin/rules",
        change_route(remove_rules),
        "Remove the rules of a name, of an application, or of both together.",
        "Recorded",
        query=(KIND, _RULE, *_WHOSE, SERVERS),
        fixed=EVERYWHERE,
        picked=("version",),
    ),
    Operation(
        "list_urgent_rights",
        "GET",
        "/admin/urgent",
        read_route(list_urgent_rights),
        "The groups that may have urgent jobs, how many at once, and how many they have.",
        "UrgentRightList",
        picked=("rights",),
    ),
    Operation(
        "set_urgent_right",
        "PUT",
        "/admin/urgent",
        change_route(set_urgent_right),
        "Set the number of urgent jobs that a group may have at once.",
        "Recorded",
        body=(
            NAME,
            Parameter(admin_fields.URGENT_LIMIT, "1 or more.", Kind.INTEGER, required=True, least=1),
            SERVERS,
        ),
        fixed=EVERYWHERE,
        picked=("version",),
    ),
    Operation(
        "remove_urgent_right",
        "DELETE",
        "/admin/urgent",
        change_route(remove_urgent_right),
        "Let a group have no more urgent jobs.",
        "Recorded",
        query=(NAME, SERVERS),
        fixed=EVERYWHERE,
        picked=("version",),
    ),
)
