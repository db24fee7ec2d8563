"""Requests of users to be told of a job: which addresses they may name, and how the requests are stored."""

import secrets
from collections.abc import Mapping, Sequence

from lgi_protocol import notification
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.auth import client_certificate
from lgi_server.db.transaction import Transaction
from lgi_server.services.jobs.submit_request import JobPlan, Notify, SubmitContext
from lgi_server.services.notifications import webhook
from lgi_server.tables import job_notifications, notification_users
from lgi_server.tables.job_notifications import NotificationRow
from lgi_server.tables.job_queue.jobs import JobRow

# What stands for the user's own address.
OWN = "own"
_KEY_BYTES = 24


def resolve(context: SubmitContext, notify: Notify, user: str) -> Notify:
    """Return a request with the addresses to which messages are sent; LGIError SUBMIT_REFUSED."""
    mail = notify.mail or ("" if notify.webhook else OWN)
    settings = context.config.notifications
    if mail and not settings.mail:
        raise _refused("this server sends no mail: an administrator has to switch it on")
    if notify.webhook and not settings.webhooks:
        raise _refused("this server sends no webhooks: an administrator has to switch them on")
    if notify.webhook:
        try:
            webhook.check_host(webhook.read_url(notify.webhook), settings.webhook_hosts)
        except ValueError as error:
            raise _refused(str(error)) from None
    return Notify(notify.events, _address(context, mail, user) if mail else "", notify.webhook)


def _address(context: SubmitContext, mail: str, user: str) -> str:
    """Return the address for a user who has asked for ``mail``; LGIError SUBMIT_REFUSED."""
    known = notification_users.address(context.transaction, user)
    # An address that the CA has put into the certificate, but for one that is no plain address.
    own = [known] if known else client_certificate.mail_addresses(context.certificate)
    if mail == OWN:
        if not own:
            why = "your certificate has no mail address, and no administrator has set one for you"
            raise _refused(f"{why}: give an address that the project allows, or a webhook")
        return own[0]
    try:
        address = notification.check_mail(mail)
    except ValueError as error:
        raise _refused(str(error)) from None
    allowed = context.settings.mail_addresses
    if address in own or address in allowed or address.rpartition("@")[2] in allowed:
        return address
    names = ", ".join((*own, *allowed)) or "none"
    raise _refused(f"the project sends no mail to {address}; allowed for you: {names}")


def _refused(why: str) -> LGIError:
    return LGIError(ErrorNumber.SUBMIT_REFUSED, why, message="notify is refused")


def store(transaction: Transaction, plans: Mapping[int, JobPlan], new: Sequence[JobRow]) -> None:
    """Store the requests for new jobs, by job_id; those of elements are of their array."""
    rows = [
        _row(job.job_id, 0, plan.notify, job)
        for job in new
        if (plan := plans.get(job.job_id)) and plan.notify and job.array_id is None
    ]
    _store(transaction, rows)


def store_of_array(transaction: Transaction, array_id: int, plan: JobPlan, first: JobRow) -> None:
    """Store the request for a new array, that of its first element."""
    if plan.notify:
        _store(transaction, [_row(array_id, 1, plan.notify, first)])


def _row(job_id: int, is_array: int, notify: Notify, job: JobRow) -> NotificationRow:
    user = job.owners[0] if job.owners else ""
    return NotificationRow(job_id, is_array, notify.events, user, notify.mail, notify.webhook)


def _store(transaction: Transaction, rows: Sequence[NotificationRow]) -> None:
    if not rows:
        return
    job_notifications.insert(transaction, rows)
    for user in sorted({row.user_name for row in rows if row.webhook}):
        if not notification_users.webhook_key(transaction, user):
            notification_users.set_webhook_key(transaction, user, secrets.token_urlsafe(_KEY_BYTES))
