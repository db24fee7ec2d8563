"""Room for more jobs: what is here, and what is about to be taken, against the limits of every level."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from threading import Lock
from typing import NamedTuple

from lgi_daemon.claiming import demand
from lgi_daemon.claiming.claim import OfferedJob
from lgi_daemon.claiming.demand import NO_DEMAND
from lgi_daemon.claiming.limits import Level, rejection_reason
from lgi_daemon.config.model import ApplicationSettings, Configuration, ProjectSettings
from lgi_daemon.config.rules import LimitRules
from lgi_daemon.execution.sandbox import choose_uid
from lgi_daemon.jobs.job_table import JobTable
from lgi_daemon.rundir.record import JobRecord


class CapacityExceededError(Exception):
    """A job may not be taken; the text says why."""


class _Taken(NamedTuple):
    project: str
    application: str
    owners: tuple[str, ...]
    specifics: str


class Reservations:
    """Asked by all who take jobs at the same time: what one of them has reserved the next one sees."""

    def __init__(self, jobs: JobTable) -> None:
        """``jobs`` are those that are here."""
        self._jobs = jobs
        self._guard = Lock()
        self._coming: list[tuple[OfferedJob, int]] = []
        # The uids that were given to jobs, with higher numbers for later ones.
        self._used: dict[int, int] = {}
        self._given = count(1)

    def levels(
        self, configuration: Configuration, project: ProjectSettings, application: ApplicationSettings
    ) -> tuple[Level, Level, Level]:
        """The three levels as full as they are now."""
        taken = [_Taken(one.project, one.application, one.owners, one.job_specifics) for one in self._records]
        taken += [_coming(one) for one, _uid in self._coming]
        here = [one for one in taken if one.project == project.name]
        same = [one for one in here if one.application == application.name]
        return (
            _level("the resource", configuration.rules, taken),
            _level(f"project {project.name}", project.rules, here),
            _level(f"application {application.name}", application.rules, same),
        )

    @property
    def _records(self) -> Iterator[JobRecord]:
        return (job.record for job in self._jobs)

    @contextmanager
    def reserved(self, offer: OfferedJob, configuration: Configuration) -> Iterator[int]:
        """Reserve a place and a uid for an offered job until it was claimed or refused.

        Raises CapacityExceededError when there is none.
        """
        with self._guard:
            levels = self.levels(configuration, offer.project, offer.application)
            why_not = rejection_reason(levels, offer.told.owners, demand.demand_of(offer.told.job_specifics))
            if why_not:
                raise CapacityExceededError(why_not)
            reservation = offer, self._uid(offer, configuration)
            self._coming.append(reservation)
        try:
            yield reservation[1]
        finally:
            with self._guard:
                self._coming.remove(reservation)

    def _uid(self, offer: OfferedJob, configuration: Configuration) -> int:
        taken = {job.record.uid for job in self._jobs} | {uid for _offer, uid in self._coming}
        # One that others are to share, now or later, is no job's own.
        taken |= {one.sandbox_uid for each in configuration.projects for one in each.applications}
        try:
            uid = choose_uid(offer.application.sandbox_uid, taken, configuration.sandbox_uids, self._used)
        except RuntimeError as error:
            raise CapacityExceededError(str(error)) from None
        self._used[uid] = next(self._given)
        return uid


def _coming(offer: OfferedJob) -> _Taken:
    return _Taken(offer.project.name, offer.application.name, offer.told.owners, offer.told.job_specifics)


def _level(name: str, rules: LimitRules, taken: Sequence[_Taken]) -> Level:
    """What its jobs ask for is only added up where it is bounded: that takes longer than all the rest."""
    is_bounded = rules.cpu_limit or rules.memory_limit
    used = demand.total_demand(one.specifics for one in taken) if is_bounded else NO_DEMAND
    return Level(name, rules, tuple(one.owners for one in taken), used)
