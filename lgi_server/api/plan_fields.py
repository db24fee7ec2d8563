"""The fields of a submit that say when the job is given out (wire.md 7, ours)."""

from lgi_protocol import comma_lists, job_priority, job_references, notification, retry_rule, whole_number
from lgi_protocol.job_references import ArrayReference
from lgi_server.api import fields
from lgi_server.api.fields import Field
from lgi_server.api.form import Form
from lgi_server.services.jobs.predecessors import MOST, too_many
from lgi_server.services.jobs.submit_request import FollowedArray, JobPlan, Notify
from lgi_server.tables.job_dependencies import ANY, OK

# Arrays that a job may follow, and ranges of indexes of each.
MOST_ARRAYS, MOST_RANGES = 100, 500
# The last day of the year 9999 in seconds, in any time zone: programs show no later time.
LAST_DEADLINE = 253_402_214_400


def posted(form: Form) -> JobPlan:
    """Return the posted plan of a job; LGIError."""
    after, arrays = _followed(form, fields.AFTER, OK)
    after_any, more = _followed(form, fields.AFTER_ANY, ANY)
    if len({*after, *after_any}) > MOST or len(arrays) + len(more) > MOST_ARRAYS:
        raise too_many()
    return JobPlan(
        _is_set(form, fields.HOLD),
        tuple(after),
        tuple(after_any),
        _is_set(form, fields.KEEP),
        *_retries(form),
        posted_priority(form),
        posted_deadline(form) or None,
        (*arrays, *more),
        is_urgent(form),
        posted_exclusions(form),
        _notify(form),
    )


def _followed(form: Form, field: Field, kind: str) -> tuple[list[int], list[FollowedArray]]:
    """Return the numbers, each once, and the arrays in a list of jobs; LGIError."""
    numbers, arrays = set[int](), set[FollowedArray]()
    for text in job_references.split(form.line(field)):
        try:
            found = job_references.read(text)
        except ValueError as error:
            raise field.refusal(field.malformed, str(error)) from None
        if isinstance(found, ArrayReference):
            if len(found.ranges) > MOST_RANGES:
                why = f"{len(found.ranges)} ranges of indexes, at most {MOST_RANGES} are allowed"
                raise field.refusal(field.too_big, why)
            arrays.add(FollowedArray(found.array_id, found.ranges, kind))
        # Before it is expanded.
        elif len(found) > MOST:
            raise too_many()
        else:
            numbers.update(found)
    return sorted(numbers), sorted(arrays, key=lambda one: (one.array_id, one.ranges))


def posted_priority(form: Form) -> int:
    """Return the posted priority of a job among the others of its user, 0 by default; LGIError STATE."""
    text = form.text(fields.PRIORITY)
    try:
        return job_priority.read_priority(text)
    except ValueError as error:
        raise fields.PRIORITY.refusal(fields.PRIORITY.malformed, str(error)) from None


def posted_deadline(form: Form) -> int | None:
    """Return the posted deadline in seconds since 1970, 0 for none, None when not posted; LGIError STATE."""
    return _number(form, fields.DEADLINE, 0, LAST_DEADLINE) if form.text(fields.DEADLINE) else None


def _retries(form: Form) -> tuple[int, str, int]:
    """Return how often a job is tried again, after which ends, and after how many seconds at first."""
    number = _number(form, fields.RETRIES, 0, retry_rule.MOST_RETRIES)
    rule = form.checked(fields.RETRY_ON, retry_rule.normalize_rule)
    wait = _number(form, fields.BACKOFF_WAIT, retry_rule.DEFAULT_BACKOFF, retry_rule.MOST_BACKOFF)
    if not number and (rule or form.text(fields.BACKOFF_WAIT)):
        raise fields.RETRIES.refusal(fields.RETRIES.malformed, "retry_on and backoff need it")
    return number, rule, wait if number else retry_rule.DEFAULT_BACKOFF


def _number(form: Form, field: Field, default: int, most: int) -> int:
    text = form.text(field)
    number = whole_number.read(text, 0, most) if text else default
    if number is None:
        raise field.refusal(field.malformed, f"{text[:20]!r} is not a number from 0 to {most}")
    return number


def posted_exclusions(form: Form) -> tuple[str, ...]:
    """Return the posted names of resources that are not to get a job, each once; LGIError."""
    names = comma_lists.unique(form.names(fields.NOT_ON))
    if comma_lists.ANY in names:
        why = f"{comma_lists.ANY} is no resource: name those that are not to get the job"
        raise fields.NOT_ON.refusal(fields.NOT_ON.malformed, why)
    return names


def is_urgent(form: Form) -> bool:
    """Return whether a job is to come before all others; LGIError STATE."""
    return _is_set(form, fields.URGENT)


def _notify(form: Form) -> Notify | None:
    """Return of what a user is to be told, and where; LGIError SUBMIT_REFUSED."""
    field, text = fields.NOTIFY, form.line(fields.NOTIFY)
    mail, webhook = form.line(fields.MAIL), form.line(fields.WEBHOOK)
    try:
        events = notification.read_events(text)
    except ValueError as error:
        raise field.refusal(field.malformed, str(error)) from None
    if (mail or webhook) and not events:
        raise field.refusal(field.malformed, f"mail and webhook need it: {', '.join(notification.EVENTS)}")
    return Notify(events, mail, webhook) if events else None


def _is_set(form: Form, field: Field) -> bool:
    return bool(form.text(field) and form.number(field))
