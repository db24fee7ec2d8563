"""The table administrators: the users who may administrate the project over HTTP."""

from collections.abc import Mapping
from typing import Any

from lgi_server.db.transaction import Transaction
from lgi_server.tables import mutexes


def has(transaction: Transaction, user_name: str) -> bool:
    """Return whether a user is an administrator."""
    return transaction.row("SELECT 1 FROM administrators WHERE user_name = %s", user_name) is not None


def listed(transaction: Transaction) -> list[Mapping[str, Any]]:
    """Return the administrators by name: ``user_name``, ``added`` (seconds) and ``added_by``."""
    return transaction.rows("SELECT user_name, added, added_by FROM administrators ORDER BY user_name")


def insert(transaction: Transaction, user_name: str, now: int, added_by: str) -> None:
    """Store an administrator."""
    transaction.run(
        "INSERT INTO administrators (user_name, added, added_by) VALUES (%s, %s, %s)",
        user_name,
        now,
        added_by,
    )


def count_alone(transaction: Transaction) -> int:
    """Return how many administrators are not revoked; nobody else counts until the transaction ends."""
    query = "SELECT COUNT(*) FROM administrators WHERE user_name NOT IN (SELECT user_name FROM revoked_users)"
    return int(mutexes.acquire(transaction, "administrators", query))


def delete(transaction: Transaction, user_name: str) -> bool:
    """Delete an administrator; return whether there was one of this name."""
    return transaction.run("DELETE FROM administrators WHERE user_name = %s", user_name) > 0
