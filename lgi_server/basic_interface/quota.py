"""The limits on the jobs of a user, and how much of each is used."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lgi_protocol import comma_lists
from lgi_server.basic_interface.registry import PageContext
from lgi_server.tables import job_counts, submit_rules, urgent_jobs

# Groups whose rules are looked at, and limits that are shown.
MOST_GROUPS, MOST_LIMITS = 10, 20


@dataclass(frozen=True)
class JobLimit:
    """A limit on the jobs of a user or group (``name``): ``used`` of ``most`` jobs of an application.

    With ``active_only`` those count that are queued or run.
    """

    name: str
    application: str
    used: int
    most: int
    active_only: bool


def limits(visit: PageContext) -> Sequence[JobLimit]:
    """Return the limits on single applications that the rules have for a user, and for the user's groups."""
    user = visit.user.name
    groups = [name for name in visit.user.groups if name != user][:MOST_GROUPS]
    found = [*_of(visit, "user", user, user), *_of(visit, "user", comma_lists.ANY, user)]
    for group in groups:
        found += _of(visit, "group", group, group)
    return list(dict.fromkeys(found))[:MOST_LIMITS]


def _of(visit: PageContext, kind: str, rule_for: str, counted: str) -> Iterator[JobLimit]:
    for row in submit_rules.listed(visit.transaction, kind, "allowed", rule_for)[:MOST_LIMITS]:
        application, limit = row["application"], int(row["job_limit"])
        if limit and application not in {comma_lists.ANY, urgent_jobs.APPLICATION}:
            used = job_counts.owned(visit.transaction, counted, application, limit < 0)
            yield JobLimit(counted, application, used, abs(limit), limit < 0)
