"""Rights to read and change repositories."""

from collections.abc import Mapping
from functools import partial

from lgi_protocol import comma_lists
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.auth import client_certificate
from lgi_server.auth.api_token import TokenIdentity
from lgi_server.auth.client_certificate import ClientCertificate, TrustConfig
from lgi_server.auth.job_certificate import JobCertificate
from lgi_server.config.model import Config
from lgi_server.db.pool import Database
from lgi_server.db.transaction import Transaction
from lgi_server.services.access import job_principals, principals
from lgi_server.storage.local import Repositories
from lgi_server.storage.repository import NoSuchRepositoryError
from lgi_server.tables import active_resources, job_access
from lgi_server.tables.job_queue import repositories
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
        DELETE, which post no groups, have those in the certificate; ``any`` grants no right to write there.
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

        Who may read the job may, and a resource that runs it, or that runs a job of somebody who may. With
        ``open_repositories`` everybody of the project may. For a job: LGIError READ_REFUSED unless one of its
        owners may read the job of the repository.
        """
        if isinstance(self._who, JobCertificate):
            self._check_job(self._who, name)
            return
        project, job = self._found(self._who, name)
        if self._config.open_repositories or self._reads(self._who, job):
            return
        if not self._databases[project].run(partial(self._serves, self._who, job), write=False):
            raise NoSuchRepositoryError(name)

    def check_writer(self, name: str) -> None:
        """Raise NoSuchRepositoryError or LGIError MODIFY_REFUSED unless the caller may write to a repository.

        Who may change the job may while there is an access file, the resource that has the job, and the job
        itself. Who may not read it either does not learn that it exists.
        """
        if isinstance(self._who, JobCertificate):
            if self._own.repository != name:
                raise LGIError(ErrorNumber.MODIFY_REFUSED, message="A job may change its own repository only")
            return
        project, job = self._found(self._who, name)
        names = (*self._who.name.certified_groups(), *self._groups)
        # As LGI: without the file nobody may write. Its names are older than those of a job that was shared.
        if self._store.writers(name) and comma_lists.contains_any(job.write_access, names):
            return
        if not self._databases[project].run(partial(_works_on, self._who, job), write=False):
            self.check_reader(name)
            raise LGIError(ErrorNumber.MODIFY_REFUSED, message="You may not change this repository")

    def check_again(self, name: str) -> None:
        """Check a job again as `check_writer` does, since it may have ended while its file was received."""
        if isinstance(self._who, JobCertificate):
            self._own = self._own_job(self._who)
            self.check_writer(name)

    def _reads(self, who: ClientCertificate, job: JobRow) -> bool:
        """Return whether a user may read a job, by the groups of the certificate or those it may choose."""
        if comma_lists.contains_any(job.read_access, (*who.name.certified_groups(), *self._groups)):
            return True
        others = [name for name in job.read_access if name != self._config.admin_group]
        return bool(others) and principals.may_choose_groups(who.name, self._config)

    def _serves(self, who: ClientCertificate, job: JobRow, transaction: Transaction) -> bool:
        """Return whether a resource works on a job, or runs one of somebody who may read it.

        Scripts of resources of LGI 1.31 fetch files with the resource's certificate, also an earlier job's
        (``restart_repository_url``).
        """
        if not _is_registered(who, transaction):
            return False
        readers = [name for name in job.read_access if name != self._config.admin_group]
        return _is_target(who, job) or job_access.runs_for(transaction, who.name.name, readers)

    def _found(self, who: ClientCertificate, name: str) -> tuple[str, JobRow]:
        """Return project and job of a repository, in a project that the certificate allows.

        Raises NoSuchRepositoryError, or LGIError CERTIFICATE for a user who was revoked.
        """
        for project, database in self._databases.items():
            if who.name.allows_project(project):
                job = database.run(partial(_find_for, who, name), write=False)
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
    return repositories.find_job(transaction, name)


def _find_for(who: ClientCertificate, name: str, transaction: Transaction) -> JobRow | None:
    """Return the job of a repository; LGIError CERTIFICATE for a user who was revoked.

    A resource may have the name of a user, and is not revoked with it.
    """
    if not _is_registered(who, transaction):
        principals.check_user(transaction, who.name.name)
    return _find(name, transaction)


def _works_on(who: ClientCertificate, job: JobRow, transaction: Transaction) -> bool:
    """Return whether the caller is a registered resource and the job has it as target."""
    return _is_target(who, job) and _is_registered(who, transaction)


def _is_target(who: ClientCertificate, job: JobRow) -> bool:
    return comma_lists.contains_any(job.target_resources, [who.name.name])


def _is_registered(who: ClientCertificate, transaction: Transaction) -> bool:
    """Return whether the certificate is that of a resource of the project, which a token's is not."""
    if isinstance(who, TokenIdentity):
        return False
    resource = active_resources.named(transaction, who.name.name)
    return resource is not None and client_certificate.matches_registered(resource.client_certificate, who)
