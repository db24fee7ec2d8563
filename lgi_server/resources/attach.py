"""The call by which daemons serve LGI_attach: wire.md 6, ours."""

from lgi_server.api import attach_stream, fields
from lgi_server.api.context import ResourceContext
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import attach_sessions
from lgi_server.services.jobs.attach_sessions import JobDaemon, Side


def resource_attach_stream(call: ResourceContext) -> Elements:
    """Take data for the user of a session, and return what the user has sent, as for the user."""
    token, reference = call.form.line(fields.ATTACH_SESSION), call.form.line(fields.OWN_REFERENCE)
    posted, resource = attach_stream.read(call), call.resource
    caller = JobDaemon(resource, reference)
    done = attach_sessions.exchange_with_daemon(call.transaction, caller, token, posted, call.now)
    return attach_stream.answer(call, Side.DAEMON, resource.resource_name, done)
