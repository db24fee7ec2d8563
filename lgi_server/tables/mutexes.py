"""The table turns: named mutexes. Who has written a row holds its mutex until the transaction ends."""

import random
from typing import Any

from lgi_server.db.transaction import Transaction


def acquire(transaction: Transaction, name: str, query: str, *parameters: Any) -> Any:
    """Wait for a mutex, hold it until the transaction ends, and return the one value that a query selects.

    The query sees everything that earlier holders have committed.

    The row gets a new random value each time: the nodes of a Galera cluster do not share row locks, and a row
    that is written unchanged counts as not written, so that two nodes could both go on.
    """
    row = transaction.row(
        f"REPLACE INTO turns (name, turn) VALUES (%s, %s) RETURNING ({query}) AS answer",
        name,
        random.getrandbits(62),
        *parameters,
    )
    return row["answer"] if row else None
