"""What a job's user is still to be told of it, and which messages are not sent yet."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_server.db.transaction import Transaction
from lgi_server.services.notifications.outbox_upkeep import origin
from lgi_server.tables import job_notifications, notification_outbox, notification_users
from lgi_server.tables.job_queue.jobs import JobRow
from lgi_server.tables.notification_outbox import WEBHOOK, Message


@dataclass(frozen=True)
class NotificationStatus:
    """The ``events`` to come, and the ``unsent`` messages about those that were.

    ``webhook`` is an address without its path. Only the user gets the address in ``mail`` and the ``key``
    that signs webhooks.
    """

    events: tuple[str, ...]
    has_mail: bool
    mail: str
    webhook: str
    key: str
    unsent: Sequence[Message]


def of_job(transaction: Transaction, job: JobRow, reader: str) -> NotificationStatus | None:
    """Return the status of a job, or of the array that it is an element of, for a reader; None for none."""
    if job.array_id is None and not job.has_notifications:
        return None
    number, is_array = (job.job_id, 0) if job.array_id is None else (job.array_id, 1)
    row = (
        job_notifications.of_array(transaction, number)
        if is_array
        else next(iter(job_notifications.of_jobs(transaction, [number])), None)
    )
    unsent = notification_outbox.of_job(transaction, number, is_array)
    if row is None and not unsent:
        return None
    user = row.user_name if row else unsent[0].user_name
    url = row.webhook if row else next((one.address for one in unsent if one.kind == WEBHOOK), "")
    is_own = user == reader
    return NotificationStatus(
        events=row.events if row else (),
        has_mail=bool(row and row.mail),
        mail=row.mail if row and is_own else "",
        webhook=origin(url) if url else "",
        key=notification_users.webhook_key(transaction, user) if url and is_own else "",
        unsent=unsent,
    )
