"""The first page of administrators: numbers of jobs, the jobs of any user, and the state of the resources."""

from dataclasses import dataclass

from lgi_server.auth import client_certificate
from lgi_server.basic_interface.job_tiles import counted
from lgi_server.basic_interface.project import Seen, seen_resources
from lgi_server.basic_interface.registry import Answer, PageContext, Template
from lgi_server.tables import job_counts
from lgi_server.tables.active_resources import ResourceRow


@dataclass(frozen=True)
class _Health:
    """A resource, and the expiry of its certificate in seconds, 0 if it is unknown."""

    seen: Seen
    certificate_ends: int


def administration(visit: PageContext) -> Answer:
    """Return the page, which changes nothing."""
    visit.check_administrator()
    admin_group = visit.visitor.server.config.admin_group
    return Template(
        "basic_interface/administration.html",
        {
            "states": counted(job_counts.by_state(visit.transaction, "read", admin_group)),
            "resources": [_Health(one, _end(one.resource)) for one in seen_resources(visit)],
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
