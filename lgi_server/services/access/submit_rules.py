"""Who may submit: the first rule that matches decides (wire.md 5)."""

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
    """Whether an owner may submit; whose jobs are counted, up to how many (0: no end)."""

    allowed: bool
    counted: str = ""
    limit: int = 0


NO = RuleDecision(False)


class JobCounter:
    """How many jobs owners have, in one transaction: counted where a limit asks for it, and only once."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._counts: dict[tuple[RuleDecision, str], int] = {}

    def has_room(self, said: RuleDecision, application: str) -> bool:
        """Return whether a verdict leaves room for one more job.

        Two submits count an owner's jobs one after the other, so that exactly one takes the last place.
        """
        if not said.allowed or said.limit == 0:
            return said.allowed
        if (said, application) not in self._counts:
            self._counts[said, application] = submit_rules.count_alone(
                self._transaction, said.counted, application, said.limit < 0
            )
        return self._counts[said, application] < abs(said.limit)

    def add(self, owners: Sequence[str], application: str) -> None:
        """Count a job that is being submitted."""
        for said, what in self._counts:
            if what == application and said.counted in owners:
                self._counts[said, what] += 1


def allowed_owners(
    tally: JobCounter, rules: SubmitRules, user: UserPrincipal, application: str
) -> tuple[str, ...]:
    """Return those of a user and groups that may own a new job; LGIError SUBMIT_REFUSED when nobody may.

    The user's own rules decide first; when they say yes, all groups that are not denied own the job too.
    """
    verdicts = {group: decide(rules, user.name, group, application) for group in user.groups}
    granted = [group for group, said in verdicts.items() if tally.has_room(said, application)]
    if not granted:
        raise LGIError(ErrorNumber.SUBMIT_REFUSED, _why_not(verdicts.values(), application))
    return (user.name, *(group for group in granted if group != user.name))


def owners_allowed(
    tally: JobCounter, rules: SubmitRules, owners: Sequence[str], application: str
) -> tuple[str, ...]:
    """Return those of the owners a resource names that may submit.

    Each is judged as a user and as a group.
    """
    return tuple(
        owner for owner in owners if tally.has_room(decide(rules, owner, owner, application), application)
    )


def _why_not(verdicts: Iterable[RuleDecision], application: str) -> str:
    """Return what a refused user can do about it: nothing, or wait for or delete jobs."""
    for said in verdicts:
        if said.allowed:
            kind = "jobs" if said.limit > 0 else "queued and running jobs"
            return f"{said.counted} has {abs(said.limit)} {kind} of {application}, which is the limit"
    return f"no rule allows {application}"


def decide(rules: SubmitRules, user: str, group: str, application: str) -> RuleDecision:
    """Return what the rules say of a user submitting for a group; a pure function of the rows."""
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
    """Return what an allowing table says of a name: the row of the application before the row of any."""
    for what in (application, ANY):
        if (name, what) in allowed:
            return RuleDecision(True, counted, allowed[name, what])
    return None


def _denied(denied: frozenset[tuple[str, str]], name: str, application: str) -> bool:
    return any((who, what) in denied for who in (name, ANY) for what in (application, ANY))
