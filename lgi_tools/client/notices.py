"""What a user is still to be told of a job, as a project server says it."""

from lgi_protocol import comma_lists, xml
from lgi_protocol.reply import leading_number
from lgi_protocol.value_object import value_object


@value_object
class UnsentNotice:
    """A message that is not sent yet: of which event, by mail or webhook, after how many tries, and why."""

    event: str
    kind: str
    tries: int
    problem: str


@value_object
class JobNotices:
    """The ``events`` of which the user is to be told, and the messages that are not sent yet.

    Only the user gets the address in ``mail``, and the ``key`` that signs webhooks.
    """

    events: tuple[str, ...]
    by_mail: bool
    mail: str
    webhook: str
    key: str
    unsent: tuple[UnsentNotice, ...]


def read_notices(content: str) -> JobNotices | None:
    """Return the notices in a ``<notification>`` element of an explanation; None without one."""
    found = xml.find(content, "notification")
    if found is None:
        return None
    inside = found.inside
    return JobNotices(
        events=comma_lists.split(xml.value(inside, "events")),
        by_mail=leading_number(xml.value(inside, "by_mail")) > 0,
        mail=xml.value(inside, "mail"),
        webhook=xml.value(inside, "webhook"),
        key=xml.value(inside, "webhook_key"),
        unsent=tuple(
            UnsentNotice(
                xml.value(one.inside, "event"),
                xml.value(one.inside, "kind"),
                leading_number(xml.value(one.inside, "tries")),
                xml.value(one.inside, "problem"),
            )
            for one in xml.find_all(inside, "unsent")
        ),
    )
