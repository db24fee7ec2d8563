"""The table revoked_users: users whose calls are refused."""

from dataclasses import dataclass

from lgi_server.db.transaction import Row, Transaction, placeholders

_COLUMNS = "user_name, revoked, revoked_by, reason, denied"


@dataclass(frozen=True)
class Revocation:
    """A revocation at a time in seconds; ``denied``: it has made the rule that denies all applications."""

    user_name: str
    revoked: int
    revoked_by: str
    reason: str
    denied: bool


def has(transaction: Transaction, *names: str) -> bool:
    """Return whether one of these users is revoked."""
    sql = f"SELECT 1 FROM revoked_users WHERE user_name IN ({placeholders(names)}) LIMIT 1"
    return transaction.row(sql, *names) is not None


def find(transaction: Transaction, user_name: str) -> Revocation | None:
    """Return the revocation of a user, None for a user who is not revoked."""
    row = transaction.row(f"SELECT {_COLUMNS} FROM revoked_users WHERE user_name = %s", user_name)
    return _revocation(row) if row else None


def listed(transaction: Transaction) -> list[Revocation]:
    """Return the revocations by the names of users."""
    rows = transaction.rows(f"SELECT {_COLUMNS} FROM revoked_users ORDER BY user_name")
    return [_revocation(row) for row in rows]


def store(transaction: Transaction, revocation: Revocation) -> None:
    """Store a revocation, in the place of an earlier one."""
    transaction.run(
        f"REPLACE INTO revoked_users ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s)",
        revocation.user_name,
        revocation.revoked,
        revocation.revoked_by,
        revocation.reason,
        int(revocation.denied),
    )


def delete(transaction: Transaction, user_name: str) -> None:
    """Delete a revocation."""
    transaction.run("DELETE FROM revoked_users WHERE user_name = %s", user_name)


def _revocation(row: Row) -> Revocation:
    return Revocation(
        row["user_name"], int(row["revoked"]), row["revoked_by"], row["reason"], bool(row["denied"])
    )
