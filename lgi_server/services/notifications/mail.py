"""Mail to users, by the mail server of the configuration."""

import smtplib
import ssl
from email.message import EmailMessage

from lgi_server.config.notifications import STARTTLS, TLS, NotificationSettings
from lgi_server.services.notifications.delivery_error import DeliveryError

# Seconds that the mail server may take for each step.
SECONDS = 20.0
# From here on the answers of a mail server are final.
_FINAL = 500


def send(
    settings: NotificationSettings,
    message: EmailMessage,
    recipient: str,
    context: ssl.SSLContext | None = None,
) -> None:
    """Send a message to one recipient. Raises DeliveryError.

    ``context`` is that of TLS, by default with the authorities of the system.
    """
    safe = context or ssl.create_default_context()
    try:
        with _connection(settings, safe) as server:
            if settings.mail_security == STARTTLS:
                server.starttls(context=safe)
            if settings.mail_password_file is not None:
                server.login(settings.mail_user, settings.mail_password_file.read_text().strip())
            server.send_message(message, settings.mail_from, [recipient])
    except smtplib.SMTPRecipientsRefused as refused:
        code = max(number for number, _text in refused.recipients.values())
        why = f"the mail server refuses the address ({code})"
        raise DeliveryError(why, is_final=code >= _FINAL) from None
    except smtplib.SMTPResponseException as error:
        raise DeliveryError(f"the mail server answers with {error.smtp_code}") from None
    except (OSError, ValueError, smtplib.SMTPException) as error:
        raise DeliveryError(f"the mail server {settings.mail_host}: {error}") from None


def _connection(settings: NotificationSettings, context: ssl.SSLContext) -> smtplib.SMTP:
    place = settings.mail_host, settings.port
    if settings.mail_security == TLS:
        return smtplib.SMTP_SSL(*place, timeout=SECONDS, context=context)
    return smtplib.SMTP(*place, timeout=SECONDS)
