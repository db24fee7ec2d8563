"""Rules for submits: the first one that matches decides (wire.md 5)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lgi_protocol.comma_lists import ANY
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.db.transaction import Transaction
from lgi_server.services.access.principals import UserPrincipal
from lgi_server.tables import submit_rules
from lgi_server.tables.submit_rules import SubmitRules


@dataclass(frozen=True)
class RuleDecision:
    """Whether an owner may submit; whose jobs are counted, and the limit.

    A limit of 0 means none; the absolute value of a negative one counts queued and running jobs only.
    """

    allowed: bool
    counted: str = ""
    limit: int = 0


NO = RuleDecision(False)


class JobCounter:
    """Counts the jobs of owners in one transaction, each at most once, and only if a rule has a limit."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._counts: dict[tuple[RuleDecision, str], int] = {}

    def allows_one_more(self, decision: RuleDecision, application: str) -> bool:
        """Return whether a decision allows one more job.

        Two submits count the jobs of an owner one after the other, so that only one gets the last place.
        """
        if not decision.allowed or decision.limit == 0:
            return decision.allowed
        if (decision, application) not in self._counts:
            self._counts[decision, application] = submit_rules.count_alone(
                self._transaction, decision.counted, application, decision.limit < 0
            )
        return self._counts[decision, application] < abs(decision.limit)

    def add(self, owners: Sequence[str], application: str) -> None:
        """Count a job that is being submitted."""
        for decision, counted in self._counts:
            if counted == application and decision.counted in owners:
                self._counts[decision, counted] += 1


def allowed_owners(
    counter: JobCounter, rules: SubmitRules, user: UserPrincipal, application: str
) -> tuple[str, ...]:
    """Return the user and those of the user's groups that may own a new job.

    The rules of the user come first: if they allow the submit, all groups that are not denied own the job
    too. Raises LGIError SUBMIT_REFUSED when no group may own it.
    """
    decisions = {group: decide(rules, user.name, group, application) for group in user.groups}
    granted = [
        group for group, decision in decisions.items() if counter.allows_one_more(decision, application)
    ]
    if not granted:
        raise LGIError(ErrorNumber.SUBMIT_REFUSED, _why_not(decisions.values(), application))
    return (user.name, *(group for group in granted if group != user.name))


def owners_allowed(
    counter: JobCounter, rules: SubmitRules, owners: Sequence[str], application: str
) -> tuple[str, ...]:
    """Return those of the owners that may submit, each checked as a user and as a group."""
    return tuple(
        owner
        for owner in owners
        if counter.allows_one_more(decide(rules, owner, owner, application), application)
    )


def _why_not(decisions: Iterable[RuleDecision], application: str) -> str:
    """Return the reason of a refusal: a reached limit, or no rule."""
    for decision in decisions:
        if decision.allowed:
            kind = "jobs" if decision.limit > 0 else "queued and running jobs"
            return f"{decision.counted} has {abs(decision.limit)} {kind} of {application}, which is the limit"
    return f"no rule allows {application}"


def decide(rules: SubmitRules, user: str, group: str, application: str) -> RuleDecision:
    """Return the decision about a submit of a user for a group; a pure function of the rules."""
    if _denied(rules.users_denied, user, application):
        return NO
    own = _granted(rules.users_allowed, user, user, application)
    if own:
        return own
    if _denied(rules.groups_denied, group, application):
        return NO
    return (
        _granted(rules.groups_allowed, group, group, application)
        or _granted(rules.users_allowed, ANY, user, application)
        or _granted(rules.groups_allowed, ANY, group, application)
        or NO
    )


def _granted(
    allowed: dict[tuple[str, str], int], name: str, counted: str, application: str
) -> RuleDecision | None:
    """Return the decision of an "allowed" table: the rule of the application before that of ``any``."""
    for what in (application, ANY):
        if (name, what) in allowed:
            return RuleDecision(True, counted, allowed[name, what])
    return None


def _denied(denied: frozenset[tuple[str, str]], name: str, application: str) -> bool:
    return any((who, what) in denied for who in (name, ANY) for what in (application, ANY))
