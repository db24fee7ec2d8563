"""The calls by which a running job's output is seen as it comes: wire.md 7, ours."""

from lgi_protocol import hexcode
from lgi_protocol.xml import Element
from lgi_server import forms
from lgi_server.calls import InterfaceCall, ResourceCall
from lgi_server.entrances import interface_call, resource_call
from lgi_server.job_waiting import Known
from lgi_server.replies import Elements
from lgi_server.services import tails
from lgi_server.services.tails import Piece


@interface_call(writes=False)
def interface_job_tail(call: InterfaceCall) -> Elements:
    """The output of a job from a byte on, as far as its resource has sent it; asking makes it send more.

    With ``wait`` the answer comes when there is something new, at the latest after so many seconds.
    """
    job_id = call.form.number(forms.JOB_ID)
    offset = call.form.number(forms.OFFSET) if call.form.has(forms.OFFSET.name) else 0
    seen = tails.look(call.transaction, call.user, job_id, offset)
    call.touches.look(job_id, call.now)
    if not seen.data and not seen.is_over:
        call.wait_for(Known(call.user.name, job_id, seen.job.state, seen.progress))
    return (
        *call.header(),
        Element("job_id", job_id),
        Element("state", seen.job.state),
        Element("told", int(seen.told)),
        Element("complete", int(seen.complete)),
        Element("offset", seen.offset),
        Element("tail", hexcode.encode(seen.data)),
    )


@resource_call(session=False)
def resource_job_tail(call: ResourceCall) -> Elements:
    """Take what a job has put out, from its daemon; says whether somebody still looks."""
    piece = Piece(
        job_id=call.form.number(forms.JOB_ID),
        reference=call.form.word(forms.OWN_REFERENCE),
        offset=call.form.number(forms.OFFSET),
        data=call.form.data(forms.TAIL),
        complete=call.form.number_or(forms.COMPLETE, 0) > 0,
    )
    watched = tails.add(call.transaction, call.resource, piece, call.now)
    return (*call.header(), Element("job_id", piece.job_id), Element("watched", int(watched)))
