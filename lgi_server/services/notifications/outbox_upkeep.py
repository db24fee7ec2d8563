"""The end of messages: sent, or given up after a day, as the history of their jobs tells."""

from functools import partial

from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs import history
from lgi_server.tables import notification_outbox, notification_users
from lgi_server.tables.notification_outbox import MAIL, Message

# Seconds after which a message is given up.
LIFETIME = 86_400
_HOUR = 3600


def finish(transaction: Transaction, *, message: Message, text: str, now: int) -> None:
    """Remove a message that was sent or given up, and let the history of its job tell it by ``text``."""
    if notification_outbox.delete(transaction, message.notification_id):
        history.record_note(transaction, message.job_id, text, now)


def give_up_old(database: Database, now: int) -> int:
    """Give up messages that could not be sent in a day, also where nothing is sent; return how many."""
    old = partial(notification_outbox.created_before, time=now - LIFETIME, most=100)
    found = database.run(old, write=False)
    for one in found:
        problem = f": {one.problem}" if one.problem else ""
        text = f"notification of {one.event} {way_of(one)} given up after {one.tries} tries{problem}"
        database.run(partial(finish, message=one, text=text, now=now))
    database.run(partial(notification_users.forget_rates, before=now - _HOUR))
    return len(found)


def way_of(message: Message) -> str:
    """Return how a message goes, for all readers of the job: the address may be private, the path secret."""
    return "by mail" if message.kind == MAIL else f"to {origin(message.address)}"


def origin(url: str) -> str:
    """Return the address of a webhook without its path."""
    # With HTTP and TLS.
    from lgi_server.services.notifications import webhook

    try:
        return webhook.read_url(url).origin
    except ValueError:
        return "a webhook"
