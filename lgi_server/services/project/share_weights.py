"""The weights of users and groups in fair share."""

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction
from lgi_server.services.project.recorded_changes import AdministrationError, check_name
from lgi_server.tables import shares


def set_share(transaction: Transaction, kind: str, name: str, weight: str) -> None:
    """Set the weight of a user or group, from 0.01 to 1000; AdministrationError for any other text.

    An account with weight 2 gets twice the share of one with weight 1.
    """
    who = check_name(name)
    _check_share(kind, who)
    try:
        number = float(weight)
    except ValueError:
        number = 0.0
    if not 0.01 <= number <= 1000:
        raise AdministrationError(f"{weight!r} is not a weight: write a number from 0.01 to 1000, as 2")
    shares.set_weight(transaction, f"{kind} {who}", number)


def remove_share(transaction: Transaction, kind: str, name: str) -> None:
    """Remove the weight of a user or group, which then counts as 1; AdministrationError if it has none."""
    who = check_name(name)
    _check_share(kind, who)
    if not shares.remove_weight(transaction, f"{kind} {who}"):
        raise AdministrationError(f"{kind} {who} has no weight, nothing was changed")


def shares_of(transaction: Transaction, kind: str) -> list[dict[str, object]]:
    """Return the users or groups (``kind``) with a weight, as rows for a list."""
    if kind == "resource":
        raise AdministrationError("Resources have no share !")
    found = shares.weights(transaction).items()
    return [
        {f"{kind}_name": account.partition(" ")[2], "weight": f"{weight:g}"}
        for account, weight in found
        if account.startswith(f"{kind} ")
    ]


def _check_share(kind: str, name: str) -> None:
    if kind == "resource":
        raise AdministrationError("Resources have no share !")
    if name == comma_lists.ANY:
        raise AdministrationError("any is not a name: an account without a weight has weight 1")
