"""For administrators: all jobs, the rules of submitting, and how the resources are."""

from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_server.auth import client_certificate
from lgi_server.basic_interface.home import counted
from lgi_server.basic_interface.project import Seen, seen_resources
from lgi_server.basic_interface.registry import Answer, PageContext, Template
from lgi_server.tables import job_counts, submit_rules
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
    """A resource, and when its certificate ends."""

    seen: Seen
    certificate_ends: int


@dataclass(frozen=True)
class _Rule:
    """A row of one of the four tables; ``used`` is how many jobs count under it now."""

    name: str
    application: str
    limit: int | None
    used: int | None


def administration(visit: PageContext) -> Answer:
    """Nothing can be changed here: rules and resources are changed with ManageDB."""
    visit.check_administrator()
    admin_group = visit.visitor.server.config.admin_group
    return Template(
        "basic_interface/administration.html",
        {
            "states": counted(listing.states_of(visit.transaction, "read", admin_group)),
            "resources": [_Health(one, _end(one.resource)) for one in seen_resources(visit)],
            "rules": [(title, kind, _rules(visit, kind, rule)) for kind, rule, title in _RULES],
        },
    )


def _end(resource: ResourceRow) -> int:
    """Return when a resource's certificate ends, in seconds; 0 if that cannot be read."""
    try:
        return int(
            client_certificate.read(
                client_certificate.der_of(resource.client_certificate)
            ).not_after.timestamp()
        )
    except ValueError:
        return 0


def _rules(visit: PageContext, kind: str, rule: str) -> list[_Rule]:
    """Return the rows of one table, and how many jobs the limited ones have now."""
    found = []
    for row in submit_rules.listed(visit.transaction, kind, rule):
        name, application = row[f"{kind}_name"], row["application"]
        limit = int(row["job_limit"]) if rule == "allowed" else None
        found.append(_Rule(name, application, limit, _used(visit, name, application, limit)))
    return found


def _used(visit: PageContext, name: str, application: str, limit: int | None) -> int | None:
    """Return how many jobs count under a rule; None where that is not one number."""
    if limit is None or comma_lists.ANY in {name, application}:
        return None
    return job_counts.owned(visit.transaction, name, application, limit < 0)
