"""The start page of a project: the user, the numbers of jobs by state, recent jobs, links."""

from lgi_protocol.states import State
from lgi_server.basic_interface.registry import Answer, Page, PageContext, Redirect, Template
from lgi_server.services.access import principals
from lgi_server.tables.job_queue import listing
from lgi_server.tables.job_queue.selection import Selection

RECENT = 5


def menu(visit: PageContext) -> Answer:
    """Return the start page."""
    return Template(
        "basic_interface/menu.html",
        {
            "states": counted(listing.states_of(visit.transaction, "owner", visit.user.name)),
            "recent": listing.newest(visit.transaction, Selection(visit.visitor.own_names), RECENT, None),
            "servers": principals.servers(visit.transaction),
        },
    )


def counted(found: dict[str, int]) -> list[tuple[str, int]]:
    """Return the numbers of jobs by state: the five states of LGI in their order, then those of a site."""
    known = [state.value for state in State]
    return [(state, found.get(state, 0)) for state in known] + sorted(
        (state, number) for state, number in found.items() if state not in known
    )


def _first(_visit: PageContext) -> Answer:
    return Redirect("")


# The page for an address without a project.
FIRST = Page("", _first)
