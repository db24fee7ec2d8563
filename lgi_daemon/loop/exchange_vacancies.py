"""Vacancies for exchanges: what a resource asks its servers for."""

import logging
from collections.abc import Container, Mapping, Sequence

from lgi_daemon.claiming.fetcher import JobFetcher
from lgi_daemon.claiming.given_jobs import GivenJobs
from lgi_daemon.claiming.vacancies import Vacancies, VacancyFinder
from lgi_daemon.config.model import ProjectSettings
from lgi_daemon.files.disk_space import DiskSpace
from lgi_daemon.jobs.exchange_jobs import Reported
from lgi_daemon.rundir.reference_pool import ReferencePool, StoredReference
from lgi_daemon.servers.exchange_servers import Announcement

log = logging.getLogger(__name__)


class ExchangeVacancies:
    """The vacancies of a resource, each asked for by one exchange at a time, for any number of threads."""

    def __init__(
        self,
        fetcher: JobFetcher,
        finder: VacancyFinder,
        given_jobs: GivenJobs,
        references: ReferencePool,
        disk: DiskSpace,
    ) -> None:
        """Find vacancies of the configuration of ``fetcher``."""
        self._fetcher = fetcher
        self._finder = finder
        self._given_jobs = given_jobs
        self._references = references
        self._disk = disk

    def settings(self, project: str) -> ProjectSettings | None:
        """Return the settings of a project; None when it is not configured any more."""
        found = [one for one in self._fetcher.configuration.projects if one.name == project]
        return found[0] if found else None

    def ask_scripts(self, project: str, leaving: Container[str] = frozenset()) -> None:
        """Ask whether the machine takes jobs of a project, unless that is known; it may take minutes.

        The room of the jobs whose references are ``leaving`` counts too.
        """
        settings = self.settings(project)
        if settings is not None and not self._fetcher.stopping():
            self._finder.ask_scripts(self._fetcher.configuration, settings, leaving)

    def reserve(
        self, announcement: Announcement, reported: Sequence[Reported], without: Sequence[str]
    ) -> tuple[Vacancies, tuple[StoredReference, ...]]:
        """Return the vacancies with references that are on the disk; none when they cannot be stored.

        They are those that no exchange under way asks for.
        """
        project, server = announcement.project, announcement.server
        settings = self.settings(project)
        make_key = _key_maker if announcement.sign_up.job_certificates else None
        may_fetch = self._disk.has_space() and self._fetcher.has_ca(announcement.sign_up)
        if settings is None or self._fetcher.stopping() or not may_fetch:
            return Vacancies(), self._references.provide(project, server, 0, make_key)
        owners = [one.job.record.owners for one in reported]
        with self._given_jobs.room:
            vacancies = self._finder.find(
                self._fetcher.configuration,
                settings,
                server,
                leaving={one.job.record.reference for one in reported},
                without=without,
            ).beside(self._references.count_reserved(project, server), owners)
            try:
                return vacancies, self._references.provide(project, server, vacancies.number, make_key)
            except OSError as error:
                log.critical("cannot write to disk: %s; not fetching more jobs from %s", error, server)
                return Vacancies(), ()

    def owners(self, project: str, server: str) -> Mapping[str, str]:
        """Return the applications for which there is room now, each with a filter of the owners.

        Those whose script must be asked first are left out.
        """
        settings = self.settings(project)
        if settings is None:
            return {}
        vacancies = self._finder.find(self._fetcher.configuration, settings, server)
        return {one.application: one.owners for one in vacancies.wants}


def _key_maker() -> str:
    from lgi_daemon.files import job_key

    return job_key.generate()
