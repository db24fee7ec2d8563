"""The pages on which administrators see and change rules, users and resources, and the log of changes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from lgi_protocol.errors import LGIError
from lgi_server.api import admin_fields
from lgi_server.api.fields import SHORT, E, Field
from lgi_server.basic_interface.administration import rule_tables
from lgi_server.basic_interface.registry import PageContext, Template
from lgi_server.services.administration import administrators
from lgi_server.services.project import administration, share_weights, update_summary, urgent_rights
from lgi_server.services.project.recorded_changes import AdministrationError
from lgi_server.tables import (
    active_resources,
    administration_log,
    api_tokens,
    notification_users,
    revoked_users,
)
from lgi_server.tables import administrators as administrator_table
from lgi_server.tables.active_resources import NO_SERVER

# Rows of a table, and entries of a page of the log.
MOST_ROWS, MOST_ENTRIES = 200, 50
_NAMED = Field("named", SHORT, E.USER_TOO_BIG, E.USER)
_CHANGED = Field("changed", SHORT, E.STATE_TOO_BIG, E.STATE)


def rules(visit: PageContext) -> Template:
    """Return the page of the rules for submits and the rights to urgent jobs, or the rules of a name."""
    visit.check_administrator()
    named = visit.query.line(_NAMED)
    urgent = urgent_rights.listed(visit.transaction)
    tables = rule_tables.tables(visit, named)
    return _page(visit, "rules", {"tables": tables, "urgent": urgent, "named": named})


def users(visit: PageContext) -> Template:
    """Return the page of administrators, revoked users, weights, mail addresses and tokens."""
    visit.check_administrator()
    transaction = visit.transaction
    weights = [
        (kind, row[f"{kind}_name"], row["weight"])
        for kind in ("user", "group")
        for row in share_weights.shares_of(transaction, kind)
    ]
    lists: Mapping[str, Sequence[Any]] = {
        "administrators": administrator_table.listed(transaction),
        "revocations": revoked_users.listed(transaction),
        "weights": weights,
        "mails": notification_users.addresses(transaction),
        "tokens": api_tokens.everyone(
            transaction, visit.query.number_or(admin_fields.AFTER, 0), MOST_ROWS + 1
        ),
    }
    hidden = {f"more_{name}": len(rows[MOST_ROWS:]) for name, rows in lists.items()}
    return _page(visit, "users", {**{name: rows[:MOST_ROWS] for name, rows in lists.items()}, **hidden})


def registered_resources(visit: PageContext) -> Template:
    """Return the page of the resources and project servers, to register, drain and remove them."""
    visit.check_administrator()
    everyone = active_resources.everyone(visit.transaction)
    everyone.sort(key=lambda one: (one.project_server == NO_SERVER, one.resource_name))
    values = {"resources": everyone[:MOST_ROWS], "more": len(everyone[MOST_ROWS:])}
    return _page(visit, "resources", values)


def log(visit: PageContext) -> Template:
    """Return a page of the log of changes, the newest first, and the change that can be taken back."""
    visit.check_administrator()
    before = visit.query.number_or(admin_fields.BEFORE, 0)
    found = administration_log.before(visit.transaction, before, MOST_ENTRIES + 1)
    values = {
        "entries": found[:MOST_ENTRIES],
        "next": found[MOST_ENTRIES - 1].entry_id if len(found) > MOST_ENTRIES else 0,
        "newest": newest_change(visit),
    }
    return _page(visit, "log", values)


def newest_change(visit: PageContext) -> dict[str, Any]:
    """Return version, text and steps back of the newest change that can be taken back; empty for none."""
    try:
        last = administration.last_change(visit.transaction)
    except AdministrationError:
        return {}
    steps = [update_summary.summarize(text) for text in last.statements]
    return {"version": last.version, "what": update_summary.summarize(last.query), "steps": steps}


def with_refusal(visit: PageContext, page: str, refused: LGIError, typed: Mapping[str, str]) -> Template:
    """Return a page with an error and the fields of the form that was refused."""
    shown = VIEWS[page](visit)
    values = {**shown.values, "refused": refused, "typed": typed}
    return replace(shown, values=values, status=HTTPStatus.BAD_REQUEST)


def _page(visit: PageContext, page: str, values: Mapping[str, Any]) -> Template:
    who = visit.visitor
    may_change = administrators.is_administrator(visit.transaction, who.who, who.server.config.admin_group)
    common = {"page": page, "may_change": may_change, "refused": None, "typed": {}, "done": None}
    if visit.query.line(_CHANGED):
        newest = administration_log.before(visit.transaction, 0, 1)
        common["done"] = next((one for one in newest if one.changed_by == who.user.name), None)
    return Template(f"basic_interface/administration_{page}.html", {**common, **values})


VIEWS: Mapping[str, Callable[[PageContext], Template]] = {
    "rules": rules,
    "users": users,
    "resources": registered_resources,
    "log": log,
}
