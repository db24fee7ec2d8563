"""The delivery of messages: each is sent at least once, or given up after a day; the history tells it."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from lgi_protocol import notification
from lgi_server.config.model import Config
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.notifications import mail, messages, outbox_upkeep, webhook
from lgi_server.services.notifications.delivery_error import DeliveryError
from lgi_server.services.notifications.messages import Sender
from lgi_server.tables import notification_outbox, notification_users
from lgi_server.tables.notification_outbox import MAIL, Message

log = logging.getLogger("lgi.notifications")
# Messages that are sent at once, and seconds in which another scheduler leaves them alone.
AT_ONCE, LEASE = 4, 300
# Seconds before the second try, and at most between two.
FIRST_WAIT, LONGEST_WAIT = 60, 4 * 3600
_LIMITED = "the limit of messages in an hour is reached"


@dataclass(frozen=True)
class Delivery:
    """The delivery of the messages of one project.

    ``send_mail`` and ``send_webhook`` are `mail.send` and `webhook.send` in all but tests.
    """

    config: Config
    project: str
    database: Database
    send_mail: Callable[..., None] = mail.send
    send_webhook: Callable[..., None] = webhook.send

    def send_due(self, now: int) -> int:
        """Send messages that are due; return how many were sent."""
        due = self.database.run(partial(notification_outbox.due, now=now, most=4 * AT_ONCE), write=False)
        if any(one.created < now - outbox_upkeep.LIFETIME for one in due):
            outbox_upkeep.give_up_old(self.database, now)
        taken = [one for one in due if one.created >= now - outbox_upkeep.LIFETIME and self._take(one, now)]
        if not taken:
            return 0
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return sum(pool.map(partial(self._deliver, now=now), taken))

    def _take(self, message: Message, now: int) -> bool:
        """Take a message for this scheduler, if its user and the project may have one more now."""

        def work(transaction: Transaction) -> bool:
            if not notification_outbox.take(transaction, message, now + LEASE):
                return False
            return self._is_within_limits(transaction, message, now)

        return self.database.run(work)

    def _is_within_limits(self, transaction: Transaction, message: Message, now: int) -> bool:
        """Return whether a message may be sent now; otherwise those of its user are due later.

        A user who asks for too many takes nothing of the limit of the project.
        """
        limits, user = self.config.notifications, message.user_name
        wait = notification_users.take_token(transaction, f"user {user}", limits.most_of_user, now)
        wait = wait or notification_users.take_token(transaction, "project", limits.most_of_project, now)
        if wait:
            notification_outbox.postpone(
                transaction, message.notification_id, now + int(wait) + 1, _LIMITED, is_try=False
            )
            notification_outbox.postpone_user(transaction, user, now, now + int(wait) + 1, _LIMITED)
        return not wait

    def _deliver(self, message: Message, now: int) -> bool:
        """Send a message, record what came of it, and return whether it was sent."""
        try:
            self._send(message, now)
        except DeliveryError as error:
            self._failed(message, str(error), error.is_final, now)
            return False
        except Exception as error:
            # Whatever a message contains, the others are sent.
            log.exception("project %s: notification %d failed", self.project, message.notification_id)
            self._failed(message, type(error).__name__, False, now)
            return False
        self._finish(message, f"notification of {message.event} sent {outbox_upkeep.way_of(message)}", now)
        return True

    def _send(self, message: Message, now: int) -> None:
        settings = self.config.notifications
        sender = Sender(self.project, self.config.url, settings.mail_from)
        if message.kind == MAIL:
            if not settings.mail:
                raise DeliveryError("this server sends no mail any more", is_final=True)
            self.send_mail(settings, messages.as_mail(message, sender, now), message.address)
            return
        if not settings.webhooks:
            raise DeliveryError("this server sends no webhooks any more", is_final=True)
        body = messages.as_json(message, sender)
        find = partial(notification_users.webhook_key, user=message.user_name)
        key = self.database.run(find, write=False)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "LGI",
            notification.TIME_HEADER: str(now),
            notification.SIGNATURE_HEADER: notification.signature(key, now, body),
        }
        target = webhook.read_url(message.address)
        hosts, networks = settings.webhook_hosts, settings.webhook_networks
        self.send_webhook(target, headers, body, hosts=hosts, networks=networks)

    def _failed(self, message: Message, problem: str, is_final: bool, now: int) -> None:
        """Try a message again later, or give it up."""
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(message.tries, 16))
        if is_final or now + wait > message.created + outbox_upkeep.LIFETIME:
            what = f"notification of {message.event} {outbox_upkeep.way_of(message)}"
            text = f"{what} given up after {message.tries + 1} tries"
            self._finish(message, f"{text}: {problem}", now)
            return
        log.info("project %s: notification %d: %a", self.project, message.notification_id, problem)
        postpone = partial(
            notification_outbox.postpone,
            notification_id=message.notification_id,
            due=now + wait,
            problem=problem,
        )
        self.database.run(postpone)

    def _finish(self, message: Message, text: str, now: int) -> None:
        self.database.run(partial(outbox_upkeep.finish, message=message, text=text, now=now))
        log.info("project %s: job %d: %a", self.project, message.job_id, text)
