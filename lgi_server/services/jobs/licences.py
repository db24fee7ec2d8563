"""Licences: things that the project has a number of, and that jobs hold while they run."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from lgi_protocol import comma_lists, xml
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.states import State
from lgi_server.config.licences import LICENCE_NAME
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.tables import licence_wishes
from lgi_server.tables.job_queue import kinds
from lgi_server.tables.job_queue.jobs import JobRow

TAG = "licences"
_NUMBER = re.compile(r"[1-9][0-9]{0,5}\Z")
# Different requests of one application that are searched for: each is a search of its own.
MOST_SETS = 30
# Characters of a request: a key of MariaDB has 3072 bytes, four for each character.
MOST_TEXT = 180

Amounts = Mapping[str, int]


def normalize_request(job_specifics: str, totals: Amounts) -> str:
    """Return the request for licences in job_specifics as it is stored, "name=number name=number".

    It is posted as ``<licences> name, name=number </licences>``. Raises LGIError SPECIFICS_XML.
    """
    numbers: dict[str, int] = {}
    for found in xml.find_all(job_specifics, TAG):
        for item in comma_lists.split(found.text):
            name, number = _item(item)
            numbers[name] = numbers.get(name, 0) + number
    for name, number in numbers.items():
        _check(name, number, totals)
    text = " ".join(f"{name}={number}" for name, number in sorted(numbers.items()))
    if len(text) > MOST_TEXT:
        raise _refused(f"the list is longer than {MOST_TEXT} characters")
    return text


def _item(text: str) -> tuple[str, int]:
    name, equals, number = (part.strip() for part in text.partition("="))
    if not LICENCE_NAME.match(name) or (equals and not _NUMBER.match(number)):
        raise _refused(f"{text[:40]!r} is not NAME or NAME=NUMBER")
    return name, int(number or 1)


def _check(name: str, number: int, totals: Amounts) -> None:
    if name not in totals:
        known = ", ".join(sorted(totals)) or "none"
        raise _refused(f"the project has no licence {name!r}; it has: {known}")
    if number > totals[name]:
        raise _refused(f"{number} of {name!r} are requested, the project has {totals[name]}")


def _refused(why: str) -> LGIError:
    return LGIError(ErrorNumber.SPECIFICS_XML, why, message="These licences cannot be granted")


def parse(request: str) -> dict[str, int]:
    """Return the number of each licence in a stored request."""
    pairs = (item.partition("=") for item in request.split())
    return {name: int(number) for name, _, number in pairs}


class LicencePool:
    """The free licences of a project."""

    def __init__(self, totals: Amounts, held: Mapping[str, int]) -> None:
        """Create the pool of ``totals`` less those in use; ``held`` has the number of jobs by request."""
        self._free = dict(totals)
        for text, jobs in held.items():
            for name, number in parse(text).items():
                self._free[name] = self._free.get(name, 0) - number * jobs

    def names(self) -> list[str]:
        """Return the names of all licences that the project has or that jobs hold."""
        return sorted(self._free)

    def free(self, name: str) -> int:
        """Return how many are free; below 0 when jobs hold more than the configuration has now."""
        return self._free.get(name, 0)

    def times(self, request: str) -> int:
        """Return how many jobs with this request could start."""
        return max(0, min(self.free(name) // number for name, number in parse(request).items()))

    def take(self, request: str) -> bool:
        """Remove the licences of a request from the pool if all are free, and return whether they were."""
        if not request:
            return True
        if not self.times(request):
            return False
        for name, number in parse(request).items():
            self._free[name] -= number
        return True


def grantable(pool: LicencePool, requests: Iterable[str]) -> dict[str, int]:
    """Return the requests that can be granted now, each with the number of jobs it can be granted to."""
    jobs = {request: pool.times(request) for request in requests}
    return dict([(request, number) for request, number in jobs.items() if number][:MOST_SETS])


def grant(
    transaction: Transaction,
    candidates: Iterable[JobRow],
    totals: Amounts,
    granted: Iterable[JobRow] = (),
) -> list[JobRow]:
    """Return the candidates whose licences can be granted; other sessions have just taken those of the rest.

    The caller locks these jobs, or has them run, in the same transaction: until it ends no other transaction
    grants licences. ``granted`` are jobs that it has granted them before, which no row shows yet.
    """
    candidates = list(candidates)
    if not any(job.licences for job in candidates):
        return candidates
    held = Counter(licence_wishes.hold(transaction))
    pool = LicencePool(totals, held + Counter(job.licences for job in granted))
    return [job for job in candidates if pool.take(job.licences)]


@dataclass(frozen=True)
class Licence:
    """A licence: how many the configuration has, and how many jobs hold now."""

    name: str
    total: int
    used: int


def listed(transaction: Transaction, totals: Amounts) -> list[Licence]:
    """Return all licences that the project has or that jobs hold."""
    taken = used(transaction)
    names = sorted({*totals, *taken})
    return [Licence(name, totals.get(name, 0), taken.get(name, 0)) for name in names]


def used(transaction: Transaction) -> dict[str, int]:
    """Return how many of each licence jobs hold now."""
    pool = LicencePool({}, licence_wishes.held(transaction))
    return {name: -pool.free(name) for name in pool.names()}


def store_missing_requests(transaction: Transaction, applications: Iterable[str]) -> int:
    """Store the requests of queued, unlocked jobs that are not stored; return how many these were.

    A request may be removed just when a submit finds it stored and does not store it again.
    """
    known = set(licence_wishes.listed(transaction))
    missing = [
        (application, request)
        for application in applications
        for request in kinds.values(
            transaction,
            "licences",
            {"application": application, "state": State.QUEUED.value, "lock_state": 0},
        )
        if (application, request) not in known
    ]
    for application, request in missing:
        licence_wishes.add(transaction, application, request)
    return len(missing)


def remove_unused_requests(database: Database) -> int:
    """Remove the stored requests that no queued or running job has; return how many these were."""
    states: dict[str, list[str]] = {}
    for application, state in database.run(kinds.kinds, write=False):
        if state not in {State.FINISHED, State.ABORTED}:
            states.setdefault(application, []).append(state)

    def remove(transaction: Transaction, application: str, request: str) -> bool:
        if licence_wishes.is_used(transaction, application, request, states.get(application, [])):
            return False
        licence_wishes.remove(transaction, application, request)
        return True

    stored = database.run(licence_wishes.listed, write=False)
    return sum(database.run(partial(remove, application=one, request=what)) for one, what in stored)
