"""The session calls of the LGI_qsub of LGI 1.31 within a running job (wire.md 6, ours)."""

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.xml import Element
from lgi_server.api import fields, project_elements
from lgi_server.api.job_context import JobContext
from lgi_server.api.responses import Elements


def resource_signup_resource(call: JobContext) -> Elements:
    """Return an answer for the LGI_qsub of LGI 1.31, which signs up before it submits and signs off after it.

    Its session_id is the job's number. There is no such session, so nothing can be locked with it.
    """
    if call.form.text(fields.CAPABILITIES):
        raise LGIError(ErrorNumber.CERTIFICATE, "a job cannot post the capabilities of its resource")
    return _no_session(call)


def resource_signoff_resource(call: JobContext) -> Elements:
    """Return the answer to the sign-off that follows `resource_signup_resource` of a job.

    Raises LGIError SESSION_ID, SESSION_ID_TOO_BIG or NO_SESSION.
    """
    session_id = call.form.number(fields.SESSION_ID)
    if session_id != call.holder.job.job_id:
        raise LGIError(ErrorNumber.NO_SESSION, str(session_id))
    return _no_session(call)


def _no_session(call: JobContext) -> Elements:
    session = Element("session_id", call.holder.job.job_id)
    return (*call.header(), *project_elements.slave_servers(call.servers), session)
