"""The page for administrators: numbers of jobs, rules for submits, and the state of the resources."""

from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_server.auth import client_certificate
from lgi_server.basic_interface.home import counted
from lgi_server.basic_interface.project import Seen, seen_resources
from lgi_server.basic_interface.registry import Answer, PageContext, Template
from lgi_server.services.project import urgent_rights
from lgi_server.tables import job_counts, submit_rules, urgent_jobs
from lgi_server.tables.active_resources import ResourceRow
from lgi_server.tables.job_queue import listing

_RULES = (
    ("user", "allowed", "Users allowed"),
    ("user", "denied", "Users denied"),
    ("group", "allowed", "Groups allowed"),
    ("group", "denied", "Groups denied"),
)


@dataclass(frozen=True)
class _Health:
    """A resource, and the expiry of its certificate in seconds, 0 if it is unknown."""

    seen: Seen
    certificate_ends: int


@dataclass(frozen=True)
class _Rule:
    """A rule; ``used`` is the number of jobs that count for its limit, None if that is not one number."""

    name: str
    application: str
    limit: int | None
    used: int | None


def administration(visit: PageContext) -> Answer:
    """Return the page; rules and resources are changed with ManageDB, not here."""
    visit.check_administrator()
    admin_group = visit.visitor.server.config.admin_group
    return Template(
        "basic_interface/administration.html",
        {
            "states": counted(listing.states_of(visit.transaction, "read", admin_group)),
            "resources": [_Health(one, _end(one.resource)) for one in seen_resources(visit)],
            "rules": [(title, kind, _rules(visit, kind, rule)) for kind, rule, title in _RULES],
            "urgent": urgent_rights.listed(visit.transaction),
        },
    )


def _end(resource: ResourceRow) -> int:
    """Return the expiry of a resource's certificate in seconds, 0 if it cannot be read."""
    try:
        return int(
            client_certificate.read(
                client_certificate.der_of(resource.client_certificate)
            ).not_after.timestamp()
        )
    except ValueError:
        return 0


def _rules(visit: PageContext, kind: str, rule: str) -> list[_Rule]:
    """Return the rules of one table, with the numbers of jobs that count for their limits."""
    found = []
    for row in submit_rules.listed(visit.transaction, kind, rule):
        name, application = row[f"{kind}_name"], row["application"]
        if application == urgent_jobs.APPLICATION:
            continue
        limit = int(row["job_limit"]) if rule == "allowed" else None
        found.append(_Rule(name, application, limit, _used(visit, name, application, limit)))
    return found


def _used(visit: PageContext, name: str, application: str, limit: int | None) -> int | None:
    """Return the number of jobs that count for a limit; None for a rule of any name or application."""
    if limit is None or comma_lists.ANY in {name, application}:
        return None
    return job_counts.owned(visit.transaction, name, application, limit < 0)
