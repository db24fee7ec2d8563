"""The call by which users read the live output of a job: wire.md 7, ours."""

from lgi_protocol import hexcode
from lgi_protocol.xml import Element
from lgi_server.api import fields
from lgi_server.api.context import InterfaceContext
from lgi_server.api.responses import Elements
from lgi_server.background.long_poll_users import KnownJobState
from lgi_server.background.timestamp_batcher import Timestamp
from lgi_server.services.jobs import live_output


def interface_job_tail(call: InterfaceContext) -> Elements:
    """Return the output of a job from a byte on, as far as its resource has sent it.

    The call makes the resource send more. With ``wait`` the answer comes when there is new output, at the
    latest after so many seconds.
    """
    job_id = call.form.number(fields.JOB_ID)
    offset = call.form.number(fields.OFFSET) if call.form.has(fields.OFFSET.name) else 0
    seen = live_output.view(call.transaction, call.user, job_id, offset)
    call.project.timestamps.add((Timestamp.JOB_WATCH, job_id), call.now)
    if not seen.data and not seen.is_over:
        call.wait_for(KnownJobState(call.user.name, job_id, seen.job.state, seen.progress))
    return (
        *call.header(),
        Element("job_id", job_id),
        Element("state", seen.job.state),
        Element("told", int(seen.is_reported)),
        Element("complete", int(seen.complete)),
        Element("offset", seen.offset),
        Element("tail", hexcode.encode(seen.data)),
    )
