"""The different applications and states of the jobs in the queue."""

from collections.abc import Mapping

from lgi_server.db.transaction import Transaction


def applications(transaction: Transaction) -> list[str]:
    """Return the applications that have jobs."""
    return values(transaction, "application", {})


def kinds(transaction: Transaction) -> list[tuple[str, str]]:
    """Return each pair of application and state that has jobs."""
    return [
        (application, state)
        for application in applications(transaction)
        for state in values(transaction, "state", {"application": application})
    ]


def values(transaction: Transaction, column: str, of: Mapping[str, str | int]) -> list[str]:
    """Return the different values of a column that follows the columns ``of`` in an index.

    Each value costs one step in the index, however many jobs have it. A DISTINCT reads the whole index unless
    MariaDB knows that there are few values.
    """
    where = " AND ".join(f"{name} = %s" for name in of) + " AND " if of else ""
    found = [""]
    while True:
        row = transaction.row(
            f"SELECT MIN({column}) AS least FROM job_queue WHERE {where}{column} > %s",
            *of.values(),
            found[-1],
        )
        if row is None or row["least"] is None:
            return found[1:]
        found.append(row["least"])
