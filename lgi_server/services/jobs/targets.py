"""Target resources of jobs: those whose capabilities have the application."""

from collections.abc import Sequence

from lgi_protocol import comma_lists, xml
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.tables.active_resources import ResourceRow


def known_targets(
    everyone: Sequence[ResourceRow], application: str, targets: Sequence[str]
) -> tuple[str, ...]:
    """Return those of the targets that offer an application, or only ``any`` if that is among them.

    Raises LGIError APPLICATION_UNKNOWN when no resource offers it, NO_TARGET when none of the targets does.
    """
    offering = {one.resource_name for one in everyone if offers(one, application)}
    if not offering:
        raise LGIError(ErrorNumber.APPLICATION_UNKNOWN, application)
    if comma_lists.ANY in targets:
        return (comma_lists.ANY,)
    known = tuple(target for target in targets if target in offering)
    if not known:
        raise LGIError(ErrorNumber.NO_TARGET, application)
    return known


def offers(resource: ResourceRow, application: str) -> bool:
    """Return whether the capabilities of a resource have an application."""
    return xml.find(resource.resource_capabilities, application) is not None


def applications_of(resource: ResourceRow) -> tuple[str, ...]:
    """Return the applications in the capabilities of a resource."""
    try:
        names = comma_lists.unique(found.name for found in xml.elements(resource.resource_capabilities))
    except ValueError:
        return ()
    return tuple(name for name in names if xml.is_name(name))
