"""What a person types: LGI_qsub, LGI_qstat, LGI_qdel, LGI_filetransfer and LGI_certificates.

And what a person writes: ``from lgi_tools import Project``, see docs/python.md. Its names are loaded when
they are asked for, so that a small tool does not load what speaks to servers.
"""

from importlib import import_module

# As of typing, which would double the time a filter takes to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from lgi_protocol.errors import ErrorNumber as ErrorNumber
    from lgi_protocol.errors import ServerError as ServerError
    from lgi_protocol.states import State as State
    from lgi_protocol.transport_errors import Unreachable as Unreachable
    from lgi_tools.job_end import JobEnd as JobEnd
    from lgi_tools.job_values import Details as Details
    from lgi_tools.job_values import Job as Job
    from lgi_tools.job_values import Resource as Resource
    from lgi_tools.job_values import Result as Result
    from lgi_tools.job_values import StoredFile as StoredFile
    from lgi_tools.project import Files as Files
    from lgi_tools.project import Project as Project
    from lgi_tools.repository import TransferFailed as TransferFailed
    from lgi_tools.waits import OutageError as OutageError

_PLACES = {
    "Details": "lgi_tools.job_values",
    "ErrorNumber": "lgi_protocol.errors",
    "Files": "lgi_tools.project",
    "Job": "lgi_tools.job_values",
    "JobEnd": "lgi_tools.job_end",
    "OutageError": "lgi_tools.waits",
    "Project": "lgi_tools.project",
    "Resource": "lgi_tools.job_values",
    "Result": "lgi_tools.job_values",
    "ServerError": "lgi_protocol.errors",
    "State": "lgi_protocol.states",
    "StoredFile": "lgi_tools.job_values",
    "TransferFailed": "lgi_tools.repository",
    "Unreachable": "lgi_protocol.client",
}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
