"""The table update_undo: the statements that revert each change made on this server."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from lgi_server.db.transaction import Transaction


@dataclass(frozen=True)
class Undo:
    """A change that can be reverted: version, servers and statement, and the statements that revert it."""

    version: int
    servers: str
    query: str
    statements: tuple[str, ...]


def insert(transaction: Transaction, version: int, statements: Sequence[str]) -> None:
    """Store the statements that revert an update."""
    transaction.run(
        "INSERT INTO update_undo (version, statements) VALUES (%s, %s)", version, json.dumps(statements)
    )


def newest(transaction: Transaction) -> Undo | None:
    """Return the newest change that was not reverted, None if there is none."""
    row = transaction.row(
        "SELECT made.version AS version, servers, update_query, statements FROM update_undo AS made"
        " JOIN updates ON updates.version = made.version ORDER BY made.version DESC LIMIT 1"
    )
    if row is None:
        return None
    query = bytes(row["update_query"]).decode()
    return Undo(int(row["version"]), row["servers"], query, tuple(json.loads(row["statements"])))


def delete(transaction: Transaction, version: int) -> None:
    """Delete the statements that revert an update."""
    transaction.run("DELETE FROM update_undo WHERE version = %s", version)
