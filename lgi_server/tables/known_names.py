"""Users and groups that a project knows: owners of jobs, and those that a rule names."""

from collections.abc import Sequence

from lgi_server.db.transaction import Transaction, placeholders

# Tables and their columns with names of users or groups.
_RULES = (
    ("users_allowed", "user_name"),
    ("groups_allowed", "group_name"),
    ("users_denied", "user_name"),
    ("groups_denied", "group_name"),
)


def known(transaction: Transaction, names: Sequence[str]) -> set[str]:
    """Return those of these names that a job or a rule has; one row is read for each, of however many."""
    if not names:
        return set()
    owned = [
        "SELECT * FROM (SELECT name FROM job_access WHERE role = 'owner' AND name = %s LIMIT 1)"
        f" AS owner{number}"
        for number in range(len(names))
    ]
    ruled = [
        f"SELECT {column} AS name FROM {table} WHERE {column} IN ({placeholders(names)})"
        for table, column in _RULES
    ]
    rows = transaction.rows(" UNION ALL ".join((*owned, *ruled)), *names, *(list(names) * len(ruled)))
    return {row["name"] for row in rows}
