"""The call by which a running job's output is sent as it comes: wire.md 6, ours."""

from lgi_protocol.xml import Element
from lgi_server.api import fields
from lgi_server.api.context import ResourceContext
from lgi_server.api.responses import Elements
from lgi_server.services.jobs import live_output
from lgi_server.services.jobs.live_output import OutputChunk


def resource_job_tail(call: ResourceContext) -> Elements:
    """Take what a job has put out, from its daemon; says whether somebody still looks."""
    piece = OutputChunk(
        job_id=call.form.number(fields.JOB_ID),
        reference=call.form.line(fields.OWN_REFERENCE),
        offset=call.form.number(fields.OFFSET),
        data=call.form.data(fields.TAIL),
        complete=call.form.number_or(fields.COMPLETE, 0) > 0,
    )
    watched = live_output.append(call.transaction, call.resource, piece, call.now)
    return (*call.header(), Element("job_id", piece.job_id), Element("watched", int(watched)))
