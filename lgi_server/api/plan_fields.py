"""The fields of a submit that say when the job is given out (wire.md 7, ours)."""

from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_server.api import fields
from lgi_server.api.fields import Field
from lgi_server.api.form import Form
from lgi_server.services.jobs.submit_request import JobPlan

# Jobs that one may follow.
MOST = 500


def posted(form: Form) -> JobPlan:
    """Return the posted plan of a job; LGIError."""
    after, after_any = sorted(form.numbers(fields.AFTER)), sorted(form.numbers(fields.AFTER_ANY))
    if len({*after, *after_any}) > MOST:
        message = f"a job may follow at most {MOST} others"
        raise LGIError(ErrorNumber.JOB_ID_TOO_BIG, message=message)
    return JobPlan(_is_set(form, fields.HOLD), tuple(after), tuple(after_any), _is_set(form, fields.KEEP))


def _is_set(form: Form, field: Field) -> bool:
    return bool(form.text(field) and form.number(field))
