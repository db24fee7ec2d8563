"""The tables share_weights and share_usage: the weight of each account, and its recent usage.

An account is "user NAME" or "group NAME"; the account "" is the sum of all jobs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lgi_server.db.transaction import Transaction


@dataclass(frozen=True)
class DecayedUsage:
    """Seconds and number of runs, which count less the older they are, as of the time ``at`` (seconds)."""

    seconds: float
    runs: float
    at: int


def weights(transaction: Transaction) -> dict[str, float]:
    """Return the weights that administrators have set, by account."""
    rows = transaction.rows("SELECT account, weight FROM share_weights ORDER BY account")
    return {row["account"]: float(row["weight"]) for row in rows}


def set_weight(transaction: Transaction, account: str, weight: float) -> None:
    """Set the weight of an account."""
    transaction.run("REPLACE INTO share_weights (account, weight) VALUES (%s, %s)", account, weight)


def remove_weight(transaction: Transaction, account: str) -> bool:
    """Remove the weight of an account and return whether it had one."""
    return transaction.run("DELETE FROM share_weights WHERE account = %s", account) > 0


def lately(transaction: Transaction) -> dict[str, DecayedUsage]:
    """Return the recent usage of each account."""
    rows = transaction.rows("SELECT account, seconds, runs, used_at FROM share_usage")
    return {row["account"]: DecayedUsage(row["seconds"], row["runs"], row["used_at"]) for row in rows}


def store(transaction: Transaction, used: Mapping[str, DecayedUsage]) -> None:
    """Store the recent usage of accounts."""
    values = ", ".join(["(%s, %s, %s, %s)"] * len(used))
    transaction.execute_pipelined(
        f"REPLACE INTO share_usage (account, seconds, runs, used_at) VALUES {values}",
        *(value for account, one in used.items() for value in (account, one.seconds, one.runs, one.at)),
    )


def forget(transaction: Transaction, before: int) -> None:
    """Delete the usage of accounts that have used nothing since ``before``, in seconds."""
    transaction.run("DELETE FROM share_usage WHERE used_at < %s", before)
