"""The commands of users: LGI_qsub, LGI_qstat, LGI_qdel, LGI_filetransfer, LGI_certificates and others.

And what a person writes: ``from lgi_tools import Project``, see docs/python.md. Its names are loaded when
they are asked for, so that a small tool does not load what speaks to servers.
"""

from importlib import import_module

# As of typing, which would double the time a filter takes to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from lgi_protocol.errors import ErrorNumber as ErrorNumber
    from lgi_protocol.errors import ServerError as ServerError
    from lgi_protocol.errors import TransportError as TransportError
    from lgi_protocol.states import State as State
    from lgi_tools.client.executor.job_error import JobError as JobError
    from lgi_tools.client.executor.job_executor import JobExecutor as JobExecutor
    from lgi_tools.client.executor.job_future import JobFuture as JobFuture
    from lgi_tools.client.files import Files as Files
    from lgi_tools.client.job import Details as Details
    from lgi_tools.client.job import Job as Job
    from lgi_tools.client.job_end import JobEnd as JobEnd
    from lgi_tools.client.job_request import JobRequest as JobRequest
    from lgi_tools.client.job_request import Submission as Submission
    from lgi_tools.client.polling import OutageError as OutageError
    from lgi_tools.client.project import Project as Project
    from lgi_tools.client.resource import Resource as Resource
    from lgi_tools.client.result import Result as Result
    from lgi_tools.client.stored_file import StoredFile as StoredFile
    from lgi_tools.client.transfer_error import TransferError as TransferError

MODULES = {
    "Details": "lgi_tools.client.job",
    "ErrorNumber": "lgi_protocol.errors",
    "Files": "lgi_tools.client.files",
    "Job": "lgi_tools.client.job",
    "JobEnd": "lgi_tools.client.job_end",
    "JobError": "lgi_tools.client.executor.job_error",
    "JobExecutor": "lgi_tools.client.executor.job_executor",
    "JobFuture": "lgi_tools.client.executor.job_future",
    "JobRequest": "lgi_tools.client.job_request",
    "OutageError": "lgi_tools.client.polling",
    "Project": "lgi_tools.client.project",
    "Resource": "lgi_tools.client.resource",
    "Result": "lgi_tools.client.result",
    "ServerError": "lgi_protocol.errors",
    "State": "lgi_protocol.states",
    "StoredFile": "lgi_tools.client.stored_file",
    "Submission": "lgi_tools.client.job_request",
    "TransferError": "lgi_tools.client.transfer_error",
    "TransportError": "lgi_protocol.errors",
}


def __getattr__(name: str) -> object:
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *MODULES})
