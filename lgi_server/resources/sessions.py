"""The calls by which resources begin and end their sessions (wire.md 6)."""

from lgi_protocol.exchange import VERSION, WITH_FILES
from lgi_protocol.xml import Element
from lgi_server.api import fields, project_elements
from lgi_server.api.context import ResourceContext, SessionContext
from lgi_server.api.responses import Elements
from lgi_server.resources import announcements
from lgi_server.services.access import daemons, resource_sessions


def resource_signup_resource(call: ResourceContext) -> Elements:
    """Open a session; posted capabilities and a renewed certificate replace the stored ones."""
    resource, _ = announcements.store(call)
    idle_limit = call.runtime.config.scheduler.session_limit
    session_id = resource_sessions.sign_up(call.transaction, resource, idle_limit, call.now)
    daemon = call.form.line(fields.DAEMON)
    others = daemons.record(call.transaction, resource.resource_id, daemon, call.now) if daemon else 0
    header = call.answers.resource_header(resource, call.servers)
    longest = Element("longest_wait", call.runtime.config.longest_wait)
    session = Element("session_id", session_id)
    certificates = (Element("job_certificates", 1),) if call.runtime.trust.jobs else ()
    # Files in a repository that is not on the disk are stored by requests of their own.
    exchange = Element("exchange", WITH_FILES if call.runtime.config.repositories_on_disk else VERSION)
    # A held exchange need not name a job that was given out since it began.
    unnamed = Element("exchange_unnamed", 1)
    other_daemons = (Element("other_daemons", others),) if others else ()
    return (
        *header,
        *project_elements.slave_servers(call.servers),
        session,
        longest,
        exchange,
        unnamed,
        *certificates,
        *other_daemons,
    )


def resource_signoff_resource(call: SessionContext) -> Elements:
    """End the session and unlock its jobs."""
    resource_sessions.sign_off(call.transaction, call.session_id)
    header = call.answers.resource_header(call.resource, call.servers)
    return (*header, *project_elements.slave_servers(call.servers), Element("session_id", call.session_id))
