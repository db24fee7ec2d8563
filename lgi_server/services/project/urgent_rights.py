"""The rights of groups to urgent jobs, recorded for all project servers as rules are."""

from lgi_protocol import comma_lists
from lgi_server.db.transaction import Transaction
from lgi_server.services.project import administration
from lgi_server.services.project.recorded_changes import AdministrationError, check_name, make
from lgi_server.tables import submit_rules, urgent_jobs

_KIND, _RULE, _APPLICATION = "group", "allowed", urgent_jobs.APPLICATION


def allow(transaction: Transaction, group: str, limit: int, *, servers: str) -> int:
    """Let a group have so many urgent jobs at once; return the version of the update.

    Raises AdministrationError for a limit below 1 and for the group "any".
    """
    group = _checked(group)
    if limit < 1:
        raise AdministrationError(
            f"{limit} is no number of urgent jobs: write 1 or more, or use del groups urgent --name {group}"
        )
    before = administration.rules_as_changes(transaction, _KIND, _RULE, group, _APPLICATION)
    undo = before or [submit_rules.remove(_KIND, _RULE, group, _APPLICATION)]
    # A negative limit counts queued and running jobs only.
    return make(transaction, submit_rules.set_allowed(_KIND, group, _APPLICATION, -limit), servers, undo)


def remove(transaction: Transaction, group: str, *, servers: str) -> int:
    """Let a group have no more urgent jobs; return the version of the update.

    Those that it has stay urgent. Raises AdministrationError for a group without the right.
    """
    group = _checked(group)
    return administration.remove_rule(transaction, _KIND, _RULE, group, _APPLICATION, servers=servers)


def listed(transaction: Transaction) -> list[dict[str, object]]:
    """Return the groups with the right, the limit of each, and how many urgent jobs count for it."""
    return [
        {
            "group_name": row["group_name"],
            "job_limit": abs(int(row["job_limit"])),
            "used": urgent_jobs.count(transaction, row["group_name"]),
        }
        for row in submit_rules.listed(transaction, _KIND, _RULE, application=_APPLICATION)
    ]


def _checked(group: str) -> str:
    name = check_name(group)
    if name == comma_lists.ANY:
        raise AdministrationError("any is not a group: urgent jobs are counted for a group by its name")
    return name
