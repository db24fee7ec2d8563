"""The deadline of a job in a form: a date and time, and its time zone."""

from collections.abc import Mapping

from lgi_server.api import fields
from lgi_server.api.form import Form
from lgi_server.basic_interface import zoned_time
from lgi_server.tables.job_queue.jobs import JobRow

NAME = fields.DEADLINE.name
ZONE = fields.Field("deadline_zone", 64, fields.E.STATE, fields.E.STATE)
_TIME = fields.Field(NAME, 64, fields.E.STATE, fields.E.STATE)


def read(form: Form, now: int) -> int:
    """Return the posted deadline in Unix seconds, 0 for none; LGIError STATE for no time, or the past."""
    text = form.line(_TIME)
    if not text:
        return 0
    try:
        when = zoned_time.read(text, form.line(ZONE))
        if when <= now:
            raise ValueError("it is over")
    except ValueError as error:
        raise _TIME.refusal(_TIME.malformed, str(error)) from None
    return when


def values(job: JobRow, now: int) -> Mapping[str, str]:
    """Return the values of the fields for a job, empty without a deadline that is still to come."""
    is_ahead = job.deadline is not None and now < job.deadline <= zoned_time.LAST
    return zoned_time.fields_of(NAME, job.deadline if is_ahead else None)
