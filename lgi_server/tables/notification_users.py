"""The tables notification_users and notification_rates: addresses and keys of users, and how many they get.

A rate is a bucket: it has tokens, of which each message that is sent takes one, and fills steadily.
"""

from lgi_server.db.transaction import Transaction


def address(transaction: Transaction, user: str) -> str:
    """Return the mail address that an administrator has set for a user, empty for none."""
    row = transaction.row("SELECT address FROM notification_users WHERE user_name = %s", user)
    return row["address"] if row else ""


def webhook_key(transaction: Transaction, user: str) -> str:
    """Return the key by which webhooks of a user are signed, empty for none."""
    row = transaction.row("SELECT webhook_key FROM notification_users WHERE user_name = %s", user)
    return row["webhook_key"] if row else ""


def set_address(transaction: Transaction, user: str, new: str) -> None:
    """Set the mail address of a user; the key stays."""
    if not transaction.run("UPDATE notification_users SET address = %s WHERE user_name = %s", new, user):
        _insert(transaction, user, new, webhook_key(transaction, user))


def set_webhook_key(transaction: Transaction, user: str, new: str) -> None:
    """Set the key of a user; the address stays."""
    _insert(transaction, user, address(transaction, user), new)


def _insert(transaction: Transaction, user: str, mail: str, key: str) -> None:
    transaction.run(
        "REPLACE INTO notification_users (user_name, address, webhook_key) VALUES (%s, %s, %s)",
        user,
        mail,
        key,
    )


def addresses(transaction: Transaction) -> list[dict[str, str]]:
    """Return the users with an address that an administrator has set."""
    rows = transaction.rows(
        "SELECT user_name, address FROM notification_users WHERE address > '' ORDER BY user_name"
    )
    return [{"user_name": row["user_name"], "address": row["address"]} for row in rows]


def take_token(transaction: Transaction, name: str, per_hour: int, now: float) -> float:
    """Take a token from the bucket of a name, which has room for those of an hour.

    Return 0, or in how many seconds there will be one.
    """
    row = transaction.row(
        f"SELECT tokens, filled FROM notification_rates WHERE name = %s{transaction.for_update}", name
    )
    tokens = float(per_hour)
    if row is not None:
        tokens = min(tokens, row["tokens"] + max(0.0, now - row["filled"]) * per_hour / 3600)
    if tokens < 1:
        return max(1.0, (1 - tokens) * 3600 / per_hour)
    transaction.run(
        "REPLACE INTO notification_rates (name, tokens, filled) VALUES (%s, %s, %s)", name, tokens - 1, now
    )
    return 0


def forget_rates(transaction: Transaction, before: float) -> None:
    """Delete the buckets that are full again, of which none was taken since ``before``, in seconds."""
    transaction.run("DELETE FROM notification_rates WHERE filled < %s", before)
