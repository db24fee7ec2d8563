"""The main menu: who you are, what your jobs do, and where everything else is."""

from lgi_protocol.states import State
from lgi_server.basic_interface.registry import Answer, Page, PageContext, Redirect, Template
from lgi_server.services.access import principals
from lgi_server.tables.job_queue import listing
from lgi_server.tables.job_queue.listing import Selection

RECENT = 5


def menu(visit: PageContext) -> Answer:
    """Return what the visitor is most likely to look for."""
    return Template(
        "basic_interface/menu.html",
        {
            "states": counted(listing.states_of(visit.transaction, "owner", visit.user.name)),
            "recent": listing.newest(visit.transaction, Selection(visit.visitor.own_names), RECENT, None),
            "servers": principals.servers(visit.transaction),
        },
    )


def counted(found: dict[str, int]) -> list[tuple[str, int]]:
    """Return the five states in the order of a job's life, then those a site has words of its own for."""
    known = [state.value for state in State]
    return [(state, found.get(state, 0)) for state in known] + sorted(
        (state, number) for state, number in found.items() if state not in known
    )


def _first(_visit: PageContext) -> Answer:
    return Redirect("")


# Where the interface begins when no project is named.
FIRST = Page("", _first)
