"""update_undo: what takes back the changes that were made here, the newest of which can be undone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from lgi_server.db.transaction import Transaction


@dataclass(frozen=True)
class Undo:
    """A change that can be taken back: its version, what it was and for whom, and the statements for that."""

    version: int
    servers: str
    query: str
    statements: tuple[str, ...]


def insert(transaction: Transaction, version: int, statements: Sequence[str]) -> None:
    """Note how an update is taken back."""
    transaction.run(
        "INSERT INTO update_undo (version, statements) VALUES (%s, %s)", version, json.dumps(statements)
    )


def newest(transaction: Transaction) -> Undo | None:
    """Return the last change that was not taken back."""
    row = transaction.row(
        "SELECT made.version AS version, servers, update_query, statements FROM update_undo AS made"
        " JOIN updates ON updates.version = made.version ORDER BY made.version DESC LIMIT 1"
    )
    if row is None:
        return None
    query = bytes(row["update_query"]).decode()
    return Undo(int(row["version"]), row["servers"], query, tuple(json.loads(row["statements"])))


def delete(transaction: Transaction, version: int) -> None:
    """Forget how an update is taken back."""
    transaction.run("DELETE FROM update_undo WHERE version = %s", version)
