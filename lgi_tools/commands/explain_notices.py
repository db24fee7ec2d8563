"""What users are told of a job by mail and webhook, as LGI_explain says it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Slow to load: only their fields are read.
    from lgi_tools.client.notices import JobNotices


def lines(found: "JobNotices | None") -> Iterator[str]:
    """Yield the events to come and how they are told, and the messages that are not sent yet."""
    if found is None:
        return
    if found.events:
        mail = f"by mail{f' to {found.mail}' if found.mail else ''}" if found.by_mail else ""
        ways = " and ".join(filter(None, (mail, f"to {found.webhook}" if found.webhook else "")))
        yield f"  notification of {', '.join(found.events)} {ways}"
    for one in found.unsent:
        way = "by mail" if one.kind == "mail" else f"to {found.webhook}"
        tries = f" after {one.tries} tries" if one.tries else ""
        why = f": {one.problem}" if one.problem else ""
        yield f"  notification of {one.event} {way} is not sent yet{tries}{why}"
    if found.key:
        yield f"  webhooks are signed with the key {found.key}"
