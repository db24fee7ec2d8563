"""turns: whoever has written a row of it is alone with what the row stands for until its transaction ends."""

import random
from typing import Any

from lgi_server.db.transaction import Transaction


def acquire(transaction: Transaction, name: str, query: str, *parameters: Any) -> Any:
    """Return the value of a query for one value, asked when nobody else has the turn.

    What others did before counts.

    The row gets another value each time. The nodes of a cluster know nothing of each other's row locks, and a
    row that is written as it is counts as not written: then both of two nodes would go on.
    """
    row = transaction.row(
        f"REPLACE INTO turns (name, turn) VALUES (%s, %s) RETURNING ({query}) AS answer",
        name,
        random.getrandbits(62),
        *parameters,
    )
    return row["answer"] if row else None
