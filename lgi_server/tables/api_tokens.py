"""The tables api_tokens and token_addresses: tokens of users, and from where each was used."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_server.db.transaction import Row, Transaction, placeholders

# Addresses that are remembered of a token; its use from further ones is logged each time.
MOST_ADDRESSES = 256
_COLUMNS = (
    "token_id, token_hash, user_name, token_name, scopes, certificate, created, expires, last_used,"
    " group_name"
)


@dataclass(frozen=True)
class TokenRow:
    """A token; ``certificate`` (PEM) has made it. Times are in seconds, ``last_used`` is 0 for never.

    ``group_name`` is empty but for the token of a group, which ``user_name`` has made.
    """

    token_id: int
    token_hash: str
    user_name: str
    token_name: str
    scopes: tuple[str, ...]
    certificate: str
    created: int
    expires: int
    last_used: int = 0
    group_name: str = ""


def find(transaction: Transaction, token_hash: str, address: str) -> tuple[TokenRow, bool] | None:
    """Return the token with a hash, and whether it was used from an address before; None for none."""
    row = transaction.row(
        f"SELECT {_COLUMNS}, EXISTS (SELECT 1 FROM token_addresses AS known"
        " WHERE known.token_id = api_tokens.token_id AND known.address = %s) AS is_known"
        " FROM api_tokens WHERE token_hash = %s",
        address,
        token_hash,
    )
    return (_token(row), bool(row["is_known"])) if row else None


def of_user(transaction: Transaction, user_name: str) -> list[TokenRow]:
    """Return the tokens of a user, the oldest first."""
    sql = f"SELECT {_COLUMNS} FROM api_tokens WHERE user_name = %s ORDER BY token_id"
    return [_token(row) for row in transaction.rows(sql, user_name)]


def everyone(transaction: Transaction, after: int, limit: int) -> list[TokenRow]:
    """Return tokens of all users with higher numbers than ``after``, the oldest first."""
    sql = f"SELECT {_COLUMNS} FROM api_tokens WHERE token_id > %s ORDER BY token_id LIMIT %s"
    return [_token(row) for row in transaction.rows(sql, after, limit)]


def numbered(transaction: Transaction, token_id: int) -> TokenRow | None:
    """Return a token by its number."""
    row = transaction.row(f"SELECT {_COLUMNS} FROM api_tokens WHERE token_id = %s", token_id)
    return _token(row) if row else None


def insert(transaction: Transaction, token: TokenRow) -> int:
    """Store a new token, and return its number."""
    return transaction.insert(
        "INSERT INTO api_tokens (token_hash, user_name, token_name, scopes, certificate, created, expires,"
        " group_name) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        token.token_hash,
        token.user_name,
        token.token_name,
        ",".join(token.scopes),
        token.certificate,
        token.created,
        token.expires,
        token.group_name,
    )


def remove(transaction: Transaction, token_ids: Sequence[int]) -> None:
    """Remove tokens and their addresses."""
    for begin in range(0, len(token_ids), 500):
        some = token_ids[begin : begin + 500]
        for table in ("token_addresses", "api_tokens"):
            transaction.run(f"DELETE FROM {table} WHERE token_id IN ({placeholders(some)})", *some)


def expired(transaction: Transaction, before: int) -> list[int]:
    """Return the numbers of some tokens that have expired before a time, in seconds."""
    sql = "SELECT token_id FROM api_tokens WHERE expires < %s ORDER BY token_id LIMIT 500"
    return [int(row["token_id"]) for row in transaction.rows(sql, before)]


def add_address(transaction: Transaction, token_id: int, address: str, now: int) -> None:
    """Store that a token is used from an address, unless too many are stored of it."""
    row = transaction.row("SELECT COUNT(*) AS n FROM token_addresses WHERE token_id = %s", token_id)
    if row and int(row["n"]) < MOST_ADDRESSES:
        transaction.run(
            # None of a token that is revoked meanwhile.
            "REPLACE INTO token_addresses (token_id, address, first_used)"
            " SELECT token_id, %s, %s FROM api_tokens WHERE token_id = %s",
            address,
            now,
            token_id,
        )


def touch(transaction: Transaction, token_ids: list[int], now: int) -> None:
    """Store that tokens are used at ``now``, in seconds."""
    transaction.run(
        f"UPDATE api_tokens SET last_used = %s WHERE token_id IN ({placeholders(token_ids)})",
        now,
        *token_ids,
    )


def _token(row: Row) -> TokenRow:
    return TokenRow(
        int(row["token_id"]),
        row["token_hash"],
        row["user_name"],
        row["token_name"],
        tuple(row["scopes"].split(",")),
        row["certificate"],
        int(row["created"]),
        int(row["expires"]),
        int(row["last_used"]),
        row["group_name"],
    )
