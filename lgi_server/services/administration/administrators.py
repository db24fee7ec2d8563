"""Administrators over HTTP: their certificates have the administrators' group, and they are on a list.

The group alone lets its members read and change all jobs, as in LGI. The list is empty in a new project, so
that nobody changes rules from elsewhere before ``ManageDB add users admin`` says who may.
"""

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.auth.api_token import Scope, TokenIdentity
from lgi_server.auth.client_certificate import ClientCertificate
from lgi_server.db.transaction import Transaction
from lgi_server.services.project.recorded_changes import AdministrationError, check_name
from lgi_server.tables import administrators, revoked_users


def check(transaction: Transaction, who: ClientCertificate, admin_group: str) -> None:
    """Raise LGIError MODIFY_REFUSED unless a caller may administrate the project.

    Raises LGIError CERTIFICATE for a token without the scope ``admin``.
    """
    if isinstance(who, TokenIdentity):
        who.check_scope(Scope.ADMIN)
    if admin_group not in who.name.certified_groups():
        raise _refusal(f"the certificate of {who.name.name} is not for the group {admin_group}")
    if not administrators.has(transaction, who.name.name):
        raise _refusal(
            f"{who.name.name} is not on the list: run ManageDB add users admin --name {who.name.name}"
        )


def is_administrator(transaction: Transaction, who: ClientCertificate, admin_group: str) -> bool:
    """Return whether a caller may administrate the project, as `check`."""
    try:
        check(transaction, who, admin_group)
    except LGIError:
        return False
    return True


def _refusal(why: str) -> LGIError:
    return LGIError(ErrorNumber.MODIFY_REFUSED, why, message="Only administrators may do this")


def add(transaction: Transaction, user: str, now: int, added_by: str) -> str:
    """Add an administrator, and return the name; AdministrationError for one that is listed or revoked."""
    name = check_name(user)
    if name == comma_lists.ANY:
        raise AdministrationError("any cannot be an administrator: give the name of a user")
    if administrators.has(transaction, name):
        raise AdministrationError(f"{name} is an administrator already, nothing was changed")
    if revoked_users.has(transaction, name):
        raise AdministrationError(f"{name} is revoked: run ManageDB del users revoked --name {name} first")
    administrators.insert(transaction, name, now, added_by)
    return name


def remove(transaction: Transaction, user: str) -> str:
    """Remove an administrator, and return the name; AdministrationError for the last one, or for none.

    Two who remove each other at once are not both removed.
    """
    name = check_name(user)
    number = administrators.count_alone(transaction)
    if not administrators.delete(transaction, name):
        raise AdministrationError(f"{name} is not an administrator, nothing was changed")
    if number == 1:
        raise AdministrationError(f"{name} is the last administrator: add another one first")
    return name
