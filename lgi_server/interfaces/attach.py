"""The calls of LGI_attach (wire.md 7, ours)."""

from lgi_protocol.xml import Element
from lgi_server.api import attach_stream, fields
from lgi_server.api.context import InterfaceContext
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import attach_admission, attach_sessions
from lgi_server.services.jobs.attach_sessions import Side


def interface_attach_job(call: InterfaceContext) -> Elements:
    """Begin a session with a running job, where project and job allow it."""
    job_id = call.form.number(fields.JOB_ID)
    token = attach_admission.begin(
        call.transaction, call.user, job_id, call.now, is_allowed=call.project.attach
    )
    return (*call.header(), Element("job_id", job_id), Element("session", token))


def interface_attach_stream(call: InterfaceContext) -> Elements:
    """Take data for the daemon of a session's job, and return what it has sent.

    A call with nothing new is answered when there is data, at the latest after ``wait`` seconds.
    """
    token, posted = call.form.line(fields.ATTACH_SESSION), attach_stream.read(call)
    done = attach_sessions.exchange_with_user(call.transaction, call.user, token, posted, call.now)
    return attach_stream.answer(call, Side.USER, call.user.name, done)
