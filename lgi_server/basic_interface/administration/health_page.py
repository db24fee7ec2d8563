"""The page about the health of this server: what is wrong comes first, with what to do."""

from lgi_server.basic_interface.registry import Answer, PageContext, Template
from lgi_server.services.project import health
from lgi_server.services.project.health import Level

_ORDER = (Level.ERROR, Level.WARNING, Level.WELL)


def server_health(visit: PageContext) -> Answer:
    """Return the page, for administrators."""
    visit.check_administrator()
    server = visit.visitor.server
    found = health.checks(
        visit.transaction, server.config, visit.visitor.project, server.trust.revocation, visit.now
    )
    found.sort(key=lambda one: _ORDER.index(one.level))
    faults = sum(one.level != Level.WELL for one in found)
    return Template("basic_interface/health.html", {"checks": found, "faults": faults})
