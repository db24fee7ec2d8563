"""The element of an answer that says what a user is still to be told of a job."""

from lgi_protocol import comma_lists
from lgi_protocol.xml import Element
from lgi_server.services.notifications.status import NotificationStatus
from lgi_server.tables.notification_outbox import Message


def notification(found: NotificationStatus | None) -> tuple[Element, ...]:
    """Return the element of a status; none without one."""
    if found is None:
        return ()
    parts = (
        *((Element("events", comma_lists.join(found.events)),) if found.events else ()),
        Element("by_mail", int(found.has_mail)),
        *((Element("mail", found.mail),) if found.mail else ()),
        *((Element("webhook", found.webhook),) if found.webhook else ()),
        *((Element("webhook_key", found.key),) if found.key else ()),
        *map(_unsent, found.unsent),
    )
    return (Element("notification", parts),)


def _unsent(one: Message) -> Element:
    parts = (
        Element("event", one.event),
        Element("kind", one.kind),
        Element("due", one.due),
        Element("tries", one.tries),
        *((Element("problem", one.problem),) if one.problem else ()),
    )
    return Element("unsent", parts)
