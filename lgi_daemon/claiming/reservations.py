"""Capacity for further jobs: present and reserved ones compared with the limits of every level."""

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from threading import Lock
from typing import NamedTuple

from lgi_daemon.claiming.claim import OfferedJob, Reservation
from lgi_daemon.claiming.limits import Level, rejection_reason
from lgi_daemon.config.model import ApplicationSettings, Configuration, ProjectSettings
from lgi_daemon.config.rules import LimitRules
from lgi_daemon.execution.sandbox import choose_uid
from lgi_daemon.jobs.job_table import JobTable
from lgi_protocol import capabilities, demand
from lgi_protocol.demand import NO_DEMAND


class CapacityExceededError(Exception):
    """A job may not be taken; the text says why."""


class TooLittleTimeError(CapacityExceededError):
    """The job requests more time than the daemon has left."""


class _Occupied(NamedTuple):
    project: str
    application: str
    owners: tuple[str, ...]
    specifics: str


class Reservations:
    """Reserves capacity for workers that fetch jobs at the same time: each sees what the others reserved."""

    def __init__(self, jobs: JobTable) -> None:
        """Count the jobs of a table, and what is reserved."""
        self._jobs = jobs
        self._guard = Lock()
        self._reserved: list[Reservation] = []
        # The uids that were given to jobs, with higher numbers for later ones.
        self._used_uids: dict[int, int] = {}
        self._next_use = count(1)
        # For how many more seconds the daemon lives, None for ever.
        self.time_left: Callable[[], float | None] = lambda: None

    def levels(
        self,
        configuration: Configuration,
        project: ProjectSettings,
        application: ApplicationSettings,
        leaving: Container[str] = frozenset(),
    ) -> tuple[Level, Level, Level]:
        """Return the levels resource, project and application as full as they are now.

        ``leaving`` are the references of jobs that count no more.
        """
        everywhere = list(self._occupied(leaving))
        same_project = [one for one in everywhere if one.project == project.name]
        same_application = [one for one in same_project if one.application == application.name]
        return (
            _level("the resource", configuration.rules, everywhere),
            _level(f"project {project.name}", project.rules, same_project),
            _level(f"application {application.name}", application.rules, same_application),
        )

    def _occupied(self, leaving: Container[str]) -> Iterator[_Occupied]:
        for record in [job.record for job in self._jobs if not job.is_leaving(self._jobs.clock.now)]:
            if record.reference in leaving:
                continue
            yield _Occupied(record.project, record.application, record.owners, record.job_specifics)
        for one in list(self._reserved):
            offer, job = one.offer, one.offer.description
            yield _Occupied(offer.project.name, offer.application.name, job.owners, job.job_specifics)

    @contextmanager
    def reserve(self, offer: OfferedJob, configuration: Configuration) -> Iterator[Reservation]:
        """Reserve capacity, a uid and GPUs for an offered job during a block.

        Raise CapacityExceededError when a limit is reached, no uid or too few GPUs are free,
        TooLittleTimeError when it requests more time than is left.
        """
        with self._guard:
            levels = self.levels(configuration, offer.project, offer.application)
            job = offer.description
            self._check_time(job.job_specifics)
            requested = demand.demand_of(job.job_specifics)
            if reason := rejection_reason(levels, job.owners, requested):
                raise CapacityExceededError(reason)
            gpus = self._choose_gpus(requested.gpus, configuration)
            reservation = Reservation(offer, self._choose_uid(offer, configuration), gpus)
            self._reserved.append(reservation)
        try:
            yield reservation
        finally:
            with self._guard:
                self._reserved.remove(reservation)

    def _check_time(self, specifics: str) -> None:
        left = self.time_left()
        if left is None:
            return
        seconds = capabilities.requested_number(specifics, "walltime")
        if seconds > left:
            raise TooLittleTimeError(f"the daemon has {left:.0f} s left to live, {seconds} requested")

    def _choose_gpus(self, number: int, configuration: Configuration) -> tuple[str, ...] | None:
        """Return GPUs that no job here has; None where the resource has none for jobs.

        Those of a job are its own until it is gone, also over a restart of the daemon.
        """
        if not configuration.gpus and not number:
            return None
        now = self._jobs.clock.now
        present = [job.record.gpus for job in self._jobs if not job.is_leaving(now)]
        taken = {name for gpus in (*present, *(one.gpus for one in self._reserved)) for name in gpus or ()}
        free = [name for name in configuration.gpus if name not in taken]
        if number > len(free):
            total = len(configuration.gpus)
            raise CapacityExceededError(
                f"the resource has {total} GPUs: {len(free)} free, {number} requested"
            )
        return tuple(free[:number])

    def _choose_uid(self, offer: OfferedJob, configuration: Configuration) -> int:
        occupied = {job.record.uid for job in self._jobs} | {one.uid for one in self._reserved}
        # A uid that jobs of an application share, now or later, is never a job's own.
        occupied |= {one.sandbox_uid for each in configuration.projects for one in each.applications}
        configured, uids = offer.application.sandbox_uid, configuration.sandbox_uids
        try:
            uid = choose_uid(configured, occupied, uids, self._used_uids)
        except RuntimeError as error:
            raise CapacityExceededError(str(error)) from None
        self._used_uids[uid] = next(self._next_use)
        return uid


def _level(name: str, rules: LimitRules, occupied: Sequence[_Occupied]) -> Level:
    """Return a level; demands are added up only where they are limited, since that is the costly part."""
    is_limited = rules.cpu_limit or rules.memory_limit or rules.gpus
    used = demand.total_demand(one.specifics for one in occupied) if is_limited else NO_DEMAND
    return Level(name, rules, tuple(one.owners for one in occupied), used)
