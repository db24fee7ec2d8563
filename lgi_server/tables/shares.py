"""share_weights and share_usage: what an account is to get, and what it has used lately.

An account is "user NAME" or "group NAME"; "" is all jobs together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lgi_server.db.transaction import Transaction


@dataclass(frozen=True)
class DecayedUsage:
    """Seconds and runs that count less the older they are, as of a time ``at``."""

    seconds: float
    runs: float
    at: int


def weights(transaction: Transaction) -> dict[str, float]:
    """Return the weights that administrators have given."""
    rows = transaction.rows("SELECT account, weight FROM share_weights ORDER BY account")
    return {row["account"]: float(row["weight"]) for row in rows}


def set_weight(transaction: Transaction, account: str, weight: float) -> None:
    """Give an account a weight."""
    transaction.run("REPLACE INTO share_weights (account, weight) VALUES (%s, %s)", account, weight)


def remove_weight(transaction: Transaction, account: str) -> bool:
    """Take an account's weight away; whether it had one."""
    return transaction.run("DELETE FROM share_weights WHERE account = %s", account) > 0


def lately(transaction: Transaction) -> dict[str, DecayedUsage]:
    """Return what all accounts have used lately."""
    rows = transaction.rows("SELECT account, seconds, runs, used_at FROM share_usage")
    return {row["account"]: DecayedUsage(row["seconds"], row["runs"], row["used_at"]) for row in rows}


def store(transaction: Transaction, used: Mapping[str, DecayedUsage]) -> None:
    """Store what accounts have used lately."""
    values = ", ".join(["(%s, %s, %s, %s)"] * len(used))
    transaction.execute_pipelined(
        f"REPLACE INTO share_usage (account, seconds, runs, used_at) VALUES {values}",
        *(value for account, one in used.items() for value in (account, one.seconds, one.runs, one.at)),
    )


def forget(transaction: Transaction, before: int) -> None:
    """Forget who has used nothing since a time."""
    transaction.run("DELETE FROM share_usage WHERE used_at < %s", before)
