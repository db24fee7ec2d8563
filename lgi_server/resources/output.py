"""The call by which daemons send the live output of a job: wire.md 6, ours."""

from lgi_protocol.xml import Element
from lgi_server.api import fields
from lgi_server.api.context import ResourceContext
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import live_output
from lgi_server.services.jobs.live_output import OutputChunk


def resource_job_tail(call: ResourceContext) -> Elements:
    """Store output of a job, and return whether a user still watches it."""
    piece = OutputChunk(
        job_id=call.form.number(fields.JOB_ID),
        reference=call.form.line(fields.OWN_REFERENCE),
        offset=call.form.number(fields.OFFSET),
        data=call.form.data(fields.TAIL),
        complete=call.form.number_or(fields.COMPLETE, 0) > 0,
    )
    watched = live_output.append(call.transaction, call.resource, piece, call.now)
    return (*call.header(), Element("job_id", piece.job_id), Element("watched", int(watched)))
