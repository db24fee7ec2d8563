"""Who may read and who may change a repository."""

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
    """What one caller may do with the repositories of a server."""

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
        """LGIError CERTIFICATE or PROJECT_REFUSED for a job that does not run any more. Times are in seconds.

        ``groups`` are those that a page knows the caller to work for. # As LGI: GET, PUT and DELETE, which
        post none, know those that the certificate names; the word ``any`` grants nothing there.
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
        """Check that the caller may read. Raises NoSuchRepositoryError.

        Raises LGIError READ_REFUSED for a job whose owners may not read the job it belongs to.
        """
        if isinstance(self._who, JobCertificate):
            self._check_job(self._who, name)
        else:
            self._found(self._who, name)

    def check_writer(self, name: str) -> None:
        """Check that the caller may write. Raises NoSuchRepositoryError, LGIError MODIFY_REFUSED.

        Those in its access file may, the target that has the job, and the job itself.
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
        """`check_writer` once more for a job, which may have ended while its file was on its way."""
        if isinstance(self._who, JobCertificate):
            self._own = self._own_job(self._who)
            self.check_writer(name)

    def _found(self, who: ClientCertificate, name: str) -> tuple[str, JobRow]:
        """Return the job a repository belongs to, in a project the certificate allows.

        Raises NoSuchRepositoryError.
        """
        for project, database in self._databases.items():
            if who.name.allows_project(project):
                job = database.run(partial(_find, name), write=False)
                if job is not None:
                    return project, job
        raise NoSuchRepositoryError(name)

    def _own_job(self, who: JobCertificate) -> JobRow:
        """Return the job that calls, as it is now; LGIError PROJECT_REFUSED or CERTIFICATE."""
        database = self._databases.get(who.job.project)
        if database is None:
            raise LGIError(ErrorNumber.PROJECT_REFUSED, who.job.project)

        def work(transaction: Transaction) -> JobRow:
            return job_principals.authenticate_job(transaction, who, self._trust, self._now).job

        return database.run(work, write=False)

    def _check_job(self, who: JobCertificate, name: str) -> None:
        """LGIError READ_REFUSED: what is not there and what is not for it are the same to a job."""
        if self._own.repository == name:
            return
        admin = self._config.admin_group
        other = self._databases[who.job.project].run(partial(_find, name), write=False)
        if other is None or not job_principals.may_read(self._own, other, admin):
            raise LGIError(ErrorNumber.READ_REFUSED, message="This repository is not for this job")


def _find(name: str, transaction: Transaction) -> JobRow | None:
    return jobs.with_repository(transaction, name)


def _works_on(who: ClientCertificate, job: JobRow, transaction: Transaction) -> bool:
    """Return whether the caller is a registered resource and the job one of its own."""
    resource = active_resources.named(transaction, who.name.name)
    if resource is None or not client_certificate.matches_registered(resource.client_certificate, who):
        return False
    return comma_lists.contains_any(job.target_resources, [resource.resource_name])
