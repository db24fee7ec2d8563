"""The tables of rules for submits, with the numbers of jobs that count for their limits."""

from collections.abc import Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_server.basic_interface.registry import PageContext
from lgi_server.tables import job_counts, submit_rules, urgent_jobs

# Rows of a table: each may count jobs.
MOST = 200
_KINDS = (
    ("user", "allowed", "Users allowed"),
    ("user", "denied", "Users denied"),
    ("group", "allowed", "Groups allowed"),
    ("group", "denied", "Groups denied"),
)


@dataclass(frozen=True)
class SubmitRule:
    """A rule; ``used`` is the number of jobs that count for its limit, None if that is not one number."""

    name: str
    application: str
    limit: int | None
    used: int | None


@dataclass(frozen=True)
class RuleTable:
    """The rules of a kind, and how many more there are than it shows."""

    title: str
    kind: str
    rule: str
    rows: Sequence[SubmitRule]
    hidden: int


def tables(visit: PageContext, named: str) -> list[RuleTable]:
    """Return all tables, with the rules of one name if it is not empty."""
    return [_table(visit, *kind, named) for kind in _KINDS]


def _table(visit: PageContext, kind: str, rule: str, title: str, named: str) -> RuleTable:
    found = [
        row
        for row in submit_rules.listed(visit.transaction, kind, rule, named)
        if row["application"] != urgent_jobs.APPLICATION
    ]
    rows = []
    for row in found[:MOST]:
        name, application = row[f"{kind}_name"], row["application"]
        limit = int(row["job_limit"]) if rule == "allowed" else None
        rows.append(SubmitRule(name, application, limit, _used(visit, name, application, limit)))
    return RuleTable(title, kind, rule, rows, len(found[MOST:]))


def _used(visit: PageContext, name: str, application: str, limit: int | None) -> int | None:
    """Return the number of jobs that count for a limit; None for a rule of any name or application."""
    if limit is None or comma_lists.ANY in {name, application}:
        return None
    return job_counts.owned(visit.transaction, name, application, limit < 0)
