"""Rights to read and change repositories."""

from collections.abc import Mapping
from functools import partial

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.auth import client_certificate
from lgi_server.auth.client_certificate import ClientCertificate, TrustConfig
from lgi_server.auth.job_certificate import JobCertificate
from lgi_server.config.model import Config
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.access import job_principals
from lgi_server.storage.local import Repositories
from lgi_server.storage.repository import NoSuchRepositoryError
from lgi_server.tables import active_resources
from lgi_server.tables.job_queue import jobs
from lgi_server.tables.job_queue.jobs import JobRow


class RepositoryAccess:
    """The rights of one caller on the repositories of a server."""

    def __init__(
        self,
        who: ClientCertificate | JobCertificate,
        now: float,
        groups: tuple[str, ...] = (),
        *,
        config: Config,
        databases: Mapping[str, Database],
        trust: TrustConfig,
        store: Repositories,
    ) -> None:
        """Set the caller; LGIError CERTIFICATE or PROJECT_REFUSED for a job that does not run any more.

        ``now`` is in seconds; ``groups`` are those that the user of a page has chosen. # As LGI: GET, PUT and
        DELETE, which post no groups, have those in the certificate; ``any`` grants nothing there.
        """
        self._groups = groups
        self._config = config
        self._databases = databases
        self._trust = trust
        self._store = store
        self._who = who
        self._now = now
        self.account = who.account
        if isinstance(who, JobCertificate):
            self._own = self._own_job(who)
            self.account = job_principals.account(self._own)

    def check_reader(self, name: str) -> None:
        """Raise NoSuchRepositoryError unless the caller may read a repository.

        For a job: LGIError READ_REFUSED unless one of its owners may read the job of the repository.
        """
        if isinstance(self._who, JobCertificate):
            self._check_job(self._who, name)
        else:
            self._found(self._who, name)

    def check_writer(self, name: str) -> None:
        """Raise NoSuchRepositoryError or LGIError MODIFY_REFUSED unless the caller may write to a repository.

        The names in its access file may, the resource that has the job, and the job itself.
        """
        if isinstance(self._who, JobCertificate):
            if self._own.repository != name:
                raise LGIError(ErrorNumber.MODIFY_REFUSED, message="A job may change its own repository only")
            return
        project, job = self._found(self._who, name)
        names = (*self._who.name.certified_groups(), *self._groups)
        if comma_lists.contains_any(self._store.writers(name), names):
            return
        if not self._databases[project].run(partial(_works_on, self._who, job), write=False):
            raise LGIError(ErrorNumber.MODIFY_REFUSED, message="You may not change this repository")

    def check_again(self, name: str) -> None:
        """Check a job again as `check_writer` does, since it may have ended while its file was received."""
        if isinstance(self._who, JobCertificate):
            self._own = self._own_job(self._who)
            self.check_writer(name)

    def _found(self, who: ClientCertificate, name: str) -> tuple[str, JobRow]:
        """Return project and job of a repository, in a project that the certificate allows.

        Raises NoSuchRepositoryError.
        """
        for project, database in self._databases.items():
            if who.name.allows_project(project):
                job = database.run(partial(_find, name), write=False)
                if job is not None:
                    return project, job
        raise NoSuchRepositoryError(name)

    def _own_job(self, who: JobCertificate) -> JobRow:
        """Return the calling job as it is now; LGIError PROJECT_REFUSED or CERTIFICATE."""
        database = self._databases.get(who.job.project)
        if database is None:
            raise LGIError(ErrorNumber.PROJECT_REFUSED, who.job.project)

        def work(transaction: Transaction) -> JobRow:
            return job_principals.authenticate_job(transaction, who, self._trust, self._now).job

        return database.run(work, write=False)

    def _check_job(self, who: JobCertificate, name: str) -> None:
        """Raise LGIError READ_REFUSED unless a job may read a repository, also if there is no such one."""
        if self._own.repository == name:
            return
        admin = self._config.admin_group
        other = self._databases[who.job.project].run(partial(_find, name), write=False)
        if other is None or not job_principals.may_read(self._own, other, admin):
            raise LGIError(ErrorNumber.READ_REFUSED, message="This repository is not for this job")


def _find(name: str, transaction: Transaction) -> JobRow | None:
    return jobs.with_repository(transaction, name)


def _works_on(who: ClientCertificate, job: JobRow, transaction: Transaction) -> bool:
    """Return whether the caller is a registered resource and the job has it as target."""
    resource = active_resources.named(transaction, who.name.name)
    if resource is None or not client_certificate.matches_registered(resource.client_certificate, who):
        return False
    return comma_lists.contains_any(job.target_resources, [resource.resource_name])
