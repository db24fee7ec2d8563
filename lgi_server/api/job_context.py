"""The context of a call that a running job makes."""

from dataclasses import dataclass
from typing import Self

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import fields
from lgi_server.api.context import CallContext, CallRequest
from lgi_server.api.form import Form
from lgi_server.api.responses import Elements
from lgi_server.auth.job_certificate import JobCertificate
from lgi_server.db.transaction import Transaction
from lgi_server.runtime import Runtime
from lgi_server.services.access import job_principals, principals
from lgi_server.services.access.job_principals import AuthenticatedJob
from lgi_server.services.access.principals import ProjectServers


@dataclass(frozen=True, kw_only=True)
class JobContext(CallContext):
    """A call of a running job."""

    holder: AuthenticatedJob
    servers: ProjectServers

    @staticmethod
    def check(_form: Form, _who: JobCertificate, _runtime: Runtime) -> None:
        """Check nothing: ``enter`` checks the certificate of a job in the database."""

    @staticmethod
    def project_name(form: Form, who: JobCertificate, _runtime: Runtime) -> str:
        """Return the project of the calling job.

        Raises LGIError PROJECT_TOO_BIG, or PROJECT_REFUSED when another is posted.
        """
        posted = form.line(fields.PROJECT)
        if posted not in {"", who.job.project}:
            raise LGIError(ErrorNumber.PROJECT_REFUSED, posted)
        return who.job.project

    @classmethod
    def enter(cls, request: CallRequest, now: int, transaction: Transaction) -> Self:
        """Return the context of the calling job, authenticated in this transaction; LGIError CERTIFICATE."""
        trust = request.runtime.trust
        holder = job_principals.authenticate_job(transaction, request.who, trust, now)
        servers = principals.recent_servers(transaction, request.project.resources)
        return cls(**vars(request), transaction=transaction, now=now, holder=holder, servers=servers)

    def header(self) -> Elements:
        """Return the elements that an answer to the resource of the job starts with."""
        return self.answers.resource_header(self.holder.resource, self.servers)
