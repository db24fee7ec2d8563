"""Licences: things of which the project has a number, and jobs want some while they run."""

import re
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
from lgi_server.tables.job_queue import jobs as job_table
from lgi_server.tables.job_queue.jobs import JobRow

TAG = "licences"
_NUMBER = re.compile(r"[1-9][0-9]{0,5}\Z")
# So many different wishes of one application's jobs are looked at: each is a search of its own.
MOST_SETS = 30
# What of them has room beside a job: a key of MariaDB has 3072 bytes, four for each letter.
MOST_TEXT = 180

Amounts = Mapping[str, int]


def normalize_request(job_specifics: str, totals: Amounts) -> str:
    """Return the licences that job_specifics ask for, as they are stored; LGIError SPECIFICS_XML.

    They are written ``<licences> name, name=number </licences>``.
    """
    wanted: dict[str, int] = {}
    for found in xml.find_all(job_specifics, TAG):
        for item in comma_lists.split(found.text):
            name, number = _item(item)
            wanted[name] = wanted.get(name, 0) + number
    for name, number in wanted.items():
        _check(name, number, totals)
    text = " ".join(f"{name}={number}" for name, number in sorted(wanted.items()))
    if len(text) > MOST_TEXT:
        raise _refused("they are too many together")
    return text


def _item(text: str) -> tuple[str, int]:
    name, equals, number = (part.strip() for part in text.partition("="))
    if not LICENCE_NAME.match(name) or (equals and not _NUMBER.match(number)):
        raise _refused(f"{text[:40]!r} is not NAME or NAME=NUMBER")
    return name, int(number or 1)


def _check(name: str, number: int, totals: Amounts) -> None:
    if name not in totals:
        known = ", ".join(sorted(totals)) or "none"
        raise _refused(f"there is no {name!r} here; there are: {known}")
    if number > totals[name]:
        raise _refused(f"{number} of {name!r} are more than the {totals[name]} there are")


def _refused(why: str) -> LGIError:
    return LGIError(ErrorNumber.SPECIFICS_XML, why, message="These licences cannot be had")


def parse(wished: str) -> dict[str, int]:
    """Return the licences of a stored text."""
    pairs = (item.partition("=") for item in wished.split())
    return {name: int(number) for name, _, number in pairs}


class LicencePool:
    """The licences that are free. Those of a job that is to start are taken out of it."""

    def __init__(self, totals: Amounts, held: Mapping[str, int]) -> None:
        """``held``: how many jobs have which (as they are stored)."""
        self._free = dict(totals)
        for text, jobs in held.items():
            for name, number in parse(text).items():
                self._free[name] = self._free.get(name, 0) - number * jobs

    def names(self) -> list[str]:
        """Return all that there are, or that jobs have."""
        return sorted(self._free)

    def free(self, name: str) -> int:
        """Return how many there are; fewer than 0 when the administrator has fewer than jobs still have."""
        return self._free.get(name, 0)

    def times(self, wished: str) -> int:
        """Return how many jobs that wish this could start."""
        return max(0, min(self.free(name) // number for name, number in parse(wished).items()))

    def take(self, wished: str) -> bool:
        """Take what a job wishes, if all of it is free."""
        if not wished:
            return True
        if not self.times(wished):
            return False
        for name, number in parse(wished).items():
            self._free[name] -= number
        return True


def grantable(stock: LicencePool, wishes: Iterable[str]) -> dict[str, int]:
    """Return those wishes that can be granted now, and to how many jobs."""
    granted = {wished: stock.times(wished) for wished in wishes}
    return dict([(wished, jobs) for wished, jobs in granted.items() if jobs][:MOST_SETS])


def grant(transaction: Transaction, candidates: Iterable[JobRow], totals: Amounts) -> list[JobRow]:
    """Return those of some jobs that may start: for the others others have taken the licences just before.

    To be locked in the same transaction: until it ends nobody else starts a job with licences.
    """
    candidates = list(candidates)
    if not any(job.licences for job in candidates):
        return candidates
    stock = LicencePool(totals, licence_wishes.hold(transaction))
    return [job for job in candidates if stock.take(job.licences)]


@dataclass(frozen=True)
class Licence:
    """One kind of licence: how many the administrator has, and how many jobs have now."""

    name: str
    total: int
    used: int


def listed(transaction: Transaction, totals: Amounts) -> list[Licence]:
    """Return all that there are, or that jobs have."""
    taken = used(transaction)
    names = sorted({*totals, *taken})
    return [Licence(name, totals.get(name, 0), taken.get(name, 0)) for name in names]


def used(transaction: Transaction) -> dict[str, int]:
    """Return how many of each licence jobs have now."""
    stock = LicencePool({}, licence_wishes.held(transaction))
    return {name: -stock.free(name) for name in stock.names()}


def note_wishes(transaction: Transaction, applications: Iterable[str]) -> int:
    """Note what free queued jobs want and nobody has noted; how much that was.

    A wish may be forgotten at the very moment when somebody else sees it and wants the same.
    """
    known = set(licence_wishes.wished(transaction))
    missing = [
        (application, wanted)
        for application in applications
        for wanted in job_table.values(
            transaction,
            "licences",
            {"application": application, "state": State.QUEUED.value, "lock_state": 0},
        )
        if (application, wanted) not in known
    ]
    for application, wanted in missing:
        licence_wishes.wish(transaction, application, wanted)
    return len(missing)


def forget_wishes(database: Database) -> int:
    """Forget the wishes that no job has which waits or runs; how many these were."""
    states: dict[str, list[str]] = {}
    for application, state in database.run(job_table.kinds, write=False):
        if state not in {State.FINISHED, State.ABORTED}:
            states.setdefault(application, []).append(state)

    def forget(transaction: Transaction, application: str, wanted: str) -> bool:
        if licence_wishes.is_wanted(transaction, application, wanted, states.get(application, [])):
            return False
        licence_wishes.forget_wish(transaction, application, wanted)
        return True

    wished = database.run(licence_wishes.wished, write=False)
    return sum(database.run(partial(forget, application=one, wanted=what)) for one, what in wished)
