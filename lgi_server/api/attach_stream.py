"""What both ends of a session of LGI_attach post, and are answered (wire.md 6 and 7, ours)."""

from lgi_protocol import hexcode
from lgi_protocol.xml import Element
from lgi_server.api import fields
from lgi_server.api.context import CallContext
from lgi_server.api.responses import Elements
from lgi_server.background.long_poll_attach import AttachSubscription
from lgi_server.services.jobs.attach_sessions import Exchanged, Posted, Side


def read(call: CallContext) -> Posted:
    """Return what an end posts. Raises LGIError OUTPUT_TOO_BIG, START_TOO_BIG or LIMIT_TOO_BIG."""
    form = call.form
    return Posted(
        offset=form.number(fields.OFFSET),
        data=form.data(fields.ATTACH_DATA) if form.has(fields.ATTACH_DATA.name) else b"",
        received=form.number(fields.RECEIVED),
        is_closing=form.number_or(fields.CLOSE, 0) > 0,
    )


def answer(call: CallContext, side: Side, caller: str, done: Exchanged) -> Elements:
    """Return the answer; a call that changes nothing, and has nothing to receive, waits if it may."""
    session = done.session
    # Who sends data does not wait, and receives none: that is for another call.
    sends = call.form.has(fields.ATTACH_DATA.name)
    if not (sends or done.has_changed or done.data or session.ended):
        call.wait_for(AttachSubscription(caller, session.session_token, side, done.offset))
    reason = (Element("end_reason", session.end_reason),) if session.end_reason else ()
    return (
        Element("session", session.session_token),
        Element("accepted", done.accepted),
        Element("offset", done.offset),
        Element("data", hexcode.encode(b"" if sends else done.data)),
        Element("ended", int(session.ended > 0)),
        *reason,
    )
