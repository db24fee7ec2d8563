"""The table administration_log: the changes of administrators."""

from dataclasses import dataclass

from lgi_server.db.transaction import Transaction


@dataclass(frozen=True)
class LogEntry:
    """A change: when (seconds), by whom and by which means; ``version`` is that of the update, 0 for none."""

    entry_id: int
    changed_at: int
    changed_by: str
    means: str
    description: str
    version: int


def insert(transaction: Transaction, entry: LogEntry) -> None:
    """Store a change; it gets the next ``entry_id``."""
    transaction.run(
        "INSERT INTO administration_log (changed_at, changed_by, means, description, version)"
        " VALUES (%s, %s, %s, %s, %s)",
        entry.changed_at,
        entry.changed_by,
        entry.means,
        entry.description,
        entry.version,
    )


def before(transaction: Transaction, entry_id: int, limit: int) -> list[LogEntry]:
    """Return the newest changes with lower numbers than ``entry_id``, the newest first; 0 for all."""
    where, values = (" WHERE entry_id < %s", (entry_id,)) if entry_id else ("", ())
    rows = transaction.rows(
        "SELECT entry_id, changed_at, changed_by, means, description, version"
        f" FROM administration_log{where} ORDER BY entry_id DESC LIMIT %s",
        *values,
        limit,
    )
    return [
        LogEntry(
            int(row["entry_id"]),
            int(row["changed_at"]),
            row["changed_by"],
            row["means"],
            row["description"],
            int(row["version"]),
        )
        for row in rows
    ]
