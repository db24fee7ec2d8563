"""The table resource_daemons: the daemons that sign up as a resource, and when each did last."""

from lgi_server.db.transaction import Transaction


def of_resource(transaction: Transaction, resource_id: int, oldest: int) -> dict[str, int]:
    """Return when each daemon of a resource signed up last, for those that did since ``oldest``."""
    rows = transaction.rows(
        "SELECT daemon, signed_up FROM resource_daemons WHERE resource_id = %s AND signed_up >= %s",
        resource_id,
        oldest,
    )
    return {str(row["daemon"]): int(row["signed_up"]) for row in rows}


def store(transaction: Transaction, resource_id: int, daemon: str, now: int) -> None:
    """Store that a daemon signs up now."""
    transaction.execute_pipelined(
        "REPLACE INTO resource_daemons (resource_id, daemon, signed_up) VALUES (%s, %s, %s)",
        resource_id,
        daemon,
        now,
    )


def remove_older(transaction: Transaction, oldest: int) -> None:
    """Delete the daemons of all resources that have not signed up since ``oldest``."""
    transaction.execute_pipelined("DELETE FROM resource_daemons WHERE signed_up < %s", oldest)


def counts(transaction: Transaction, oldest: int) -> dict[int, int]:
    """Return by resource the number of daemons that signed up since ``oldest``."""
    rows = transaction.rows(
        "SELECT resource_id, COUNT(*) AS n FROM resource_daemons WHERE signed_up >= %s GROUP BY resource_id",
        oldest,
    )
    return {int(row["resource_id"]): int(row["n"]) for row in rows}
