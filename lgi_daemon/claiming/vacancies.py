"""What this resource has room for: the wants of an exchange."""

import logging
from collections import Counter
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, replace

from lgi_daemon.claiming.claimer import Claimer
from lgi_daemon.claiming.limits import Level, full_level, restricted_filter
from lgi_daemon.claiming.system_limits import SystemLimits
from lgi_daemon.claiming.wants import want
from lgi_daemon.config.model import ApplicationSettings, Configuration, ProjectSettings
from lgi_daemon.jobs.circuit_breaker import CircuitBreaker
from lgi_daemon.jobs.job_table import JobTable
from lgi_protocol.exchange import MOST_WANTS, GivenJob, Want

log = logging.getLogger(__name__)

# So long the answer of a check_system_limits_script is used, in seconds: a busy daemon makes many exchanges.
FRESH_SECONDS = 10.0
# The jobs of an application that are named as not wanted.
MOST_WITHOUT = 1000


@dataclass(frozen=True)
class Vacancies:
    """The wants of a project at a server, and why there are not more.

    ``number`` is the number of jobs for which there is room, ``slots`` that of the free slots, which may be
    more: owners and applications have limits too. ``full``: an application has no room.
    ``unasked``: the check_system_limits_script of an application was to be asked first. ``complete``: each
    application is among the wants, or has no room.
    """

    wants: tuple[Want, ...] = ()
    number: int = 0
    full: bool = False
    unasked: bool = False
    slots: int = 0
    complete: bool = False

    def beside(self, reserved: int, leaving: Sequence[Collection[str]] = ()) -> "Vacancies":
        """Return what is left to ask for beside exchanges under way that may bring ``reserved`` jobs.

        ``leaving`` has the owners of each job that is reported now. What is reserved may be for others only,
        so that as many jobs of theirs are asked for while there are slots. Nobody gets more than a limit
        allows: the exchanges under way were made up when these jobs still counted.
        """
        number = max(0, self.number - reserved)
        least = min(self.number, self.slots - reserved, len(leaving))
        wants = self.wants
        if least > number:
            owners = {owner for one in leaving for owner in one}
            wants = tuple(replace(one, owners=restricted_filter(one.owners, owners)) for one in wants)
            wants = tuple(one for one in wants if one.owners)
            number = least if wants else 0
        wants = tuple(replace(one, count=min(one.count, number)) for one in wants if number)
        return replace(self, wants=wants, number=number)

    def left_by(self, jobs: Sequence[GivenJob]) -> Mapping[str, str]:
        """Return the applications for which there still is room after jobs were given, and for whose jobs."""
        given = Counter(one.description.application for one in jobs)
        if given.total() >= self.number:
            return {}
        return {one.application: one.owners for one in self.wants if given[one.application] < one.count}


class VacancyFinder:
    """Finds vacancies, for any number of threads."""

    def __init__(
        self, jobs: JobTable, claimer: Claimer, system_limits: SystemLimits, circuit_breaker: CircuitBreaker
    ) -> None:
        """Count the jobs of ``jobs``."""
        self._jobs = jobs
        self._claimer = claimer
        self._system_limits = system_limits
        self._circuit_breaker = circuit_breaker
        # When the script of an application was asked last, and whether it allowed jobs.
        self._answers: dict[tuple[str, str], tuple[float, bool]] = {}

    def find(
        self,
        configuration: Configuration,
        project: ProjectSettings,
        server: str,
        *,
        leaving: Container[str] = frozenset(),
        without: Sequence[str] = (),
    ) -> Vacancies:
        """Return the vacancies, those included of the jobs whose references are ``leaving``.

        ``without`` are jobs that must not be given.
        """
        wants: list[Want] = []
        full = unasked = False
        room = decided = 0
        for application in project.applications[:MOST_WANTS]:
            levels = self._levels(configuration, project, application, leaving)
            excluded = self._without(project.name, server, application.name, without)
            wanted = want(application.name, levels, excluded)
            full |= wanted is None
            decided += wanted is None
            if wanted is None or self._circuit_breaker.open_for(project.name, application.name):
                continue
            allowed = self._fresh_answer(project, application)
            unasked |= allowed is None
            if allowed:
                wants.append(wanted)
                room = max(room, min(one.rules.job_limit - len(one.jobs) for one in levels[:2]))
        number = min(room, sum(one.count for one in wants))
        complete = decided + len(wants) == len(project.applications)
        return Vacancies(tuple(wants), number, full, unasked, room, complete)

    def _levels(
        self,
        configuration: Configuration,
        project: ProjectSettings,
        application: ApplicationSettings,
        leaving: Container[str] = frozenset(),
    ) -> tuple[Level, Level, Level]:
        return self._claimer.reservations.levels(configuration, project, application, leaving)

    def _without(self, project: str, server: str, application: str, more: Sequence[str]) -> list[str]:
        """Return the jobs of an application that are rejected for now, or are here already."""
        here = [job.record for job in self._jobs]
        place = (project, server, application)
        present = [one.job_id for one in here if (one.project, one.server, one.application) == place]
        rejected = self._claimer.rejected_jobs.left_alone(*place)
        return list(dict.fromkeys((*more, *rejected, *present)))[:MOST_WITHOUT]

    def ask_scripts(
        self, configuration: Configuration, project: ProjectSettings, leaving: Container[str] = frozenset()
    ) -> None:
        """Run the check_system_limits_script of the applications with room, unless its answer is fresh.

        The room of the jobs whose references are ``leaving`` counts too.
        """
        for application in project.applications:
            key, now = (project.name, application.name), self._jobs.clock.now
            is_full = full_level(self._levels(configuration, project, application, leaving))
            if not is_full and self._fresh_answer(project, application) is None:
                self._answers[key] = now, self._system_limits.allow(project, application)

    def _fresh_answer(self, project: ProjectSettings, application: ApplicationSettings) -> bool | None:
        """Return whether the script of an application allows jobs; None when it must be asked first."""
        known = self._answers.get((project.name, application.name))
        is_fresh = known is not None and self._jobs.clock.now < known[0] + FRESH_SECONDS
        return known[1] if known is not None and is_fresh else None

    def forget_answers(self) -> None:
        """Ask all scripts again, since they may have changed."""
        self._answers.clear()
