"""The posted fields about the end of a job: exit code, signal, reason, usage, result (wire.md 6, ours)."""

from lgi_protocol import comma_lists, states, whole_number
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.job_end import MAX_CODE, MAX_SIGNAL, NO_END, End, Result
from lgi_protocol.job_usage import MOST, JobUsage
from lgi_server.api import fields
from lgi_server.api.fields import Field
from lgi_server.api.form import Form


def posted(form: Form, state: str) -> End:
    """Return the posted end of a job that is in ``state`` after the call; LGIError STATE."""
    code = _number(form, fields.EXIT_CODE, 0, MAX_CODE)
    signal = _number(form, fields.EXIT_SIGNAL, 1, MAX_SIGNAL)
    end = End(code, signal, form.line(fields.END_REASON), _usage(form))
    if code is not None and signal is not None:
        raise _refused("exit_code and exit_signal", "a program ends with only one of them")
    if end != NO_END and not states.has_ended(state):
        raise _refused("The end of a job", f"a job that is {state} has not ended")
    return end


def result_filter(form: Form) -> str:
    """Return the value of `Result` that the jobs of a list must have, empty for all jobs; LGIError STATE."""
    value = form.line(fields.ENDED)
    if value and value != comma_lists.ANY and value not in set(Result):
        why = f"{value[:40]!r} is not one of {comma_lists.join(Result)}, {comma_lists.ANY}"
        raise fields.ENDED.refusal(fields.ENDED.malformed, why)
    return "" if value == comma_lists.ANY else value


def _usage(form: Form) -> JobUsage:
    return JobUsage(*(_number(form, field, 0, MOST[field.name]) for field in fields.USAGE))


def _number(form: Form, field: Field, least: int, most: int) -> int | None:
    text = form.line(field)
    if not text:
        return None
    number = whole_number.read(text, least, most)
    if number is None:
        raise field.refusal(field.malformed, f"{text!r} is not a number from {least} to {most}")
    return number


def _refused(what: str, why: str) -> LGIError:
    return LGIError(ErrorNumber.STATE, why, message=f"{what} cannot be accepted")
