"""The mail addresses of users that administrators set; they are not sent to other servers."""

from lgi_protocol import notification
from lgi_server.db.transaction import Transaction
from lgi_server.services.project.recorded_changes import AdministrationError, check_name
from lgi_server.tables import notification_users


def set_address(transaction: Transaction, user: str, address: str) -> None:
    """Set the address of a user for notifications; AdministrationError for text that is no mail address."""
    name = check_name(user)
    try:
        notification_users.set_address(transaction, name, notification.check_mail(address))
    except ValueError as error:
        raise AdministrationError(str(error)) from None


def remove_address(transaction: Transaction, user: str) -> None:
    """Remove the address of a user; AdministrationError if there is none."""
    name = check_name(user)
    if not notification_users.address(transaction, name):
        raise AdministrationError(f"user {name} has no mail address, nothing was changed")
    notification_users.set_address(transaction, name, "")
