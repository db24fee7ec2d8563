"""The filters that users post for lists of jobs (wire.md 7)."""

from lgi_server.api import fields, list_filters
from lgi_server.api.context import InterfaceContext
from lgi_server.api.responses import Elements
from lgi_server.tables.job_queue.selection import Selection


def read(call: InterfaceContext, ended: str) -> Selection:
    """Return the posted filters; LGIError."""
    form = call.form
    owner = form.line(fields.OWNER)
    return Selection(
        # Who submits a job may read it: one's own jobs need no list but one's own.
        (owner,) if owner == call.user.name else call.user.names,
        *form.filter(fields.LISTED_STATE),
        *form.filter(fields.LISTED_APPLICATION),
        ended,
        list_filters.label_terms(form),
        owner,
        form.line(fields.RESOURCE),
        form.number(fields.SINCE) if form.has(fields.SINCE.name) else 0,
        list_filters.number_ranges(form),
        *list_filters.array(form),
        form.has(fields.SINGLE.name) and form.number(fields.SINGLE) > 0,
        is_held=form.has(fields.HELD.name) and form.number(fields.HELD) > 0,
    )


def repeated(call: InterfaceContext) -> Elements:
    """Return the filters of ours that were posted, by which a caller sees that they are known here."""
    return list_filters.repeated(call.form)
