"""Values of administrators' calls and forms that are one of a few words, or a number with a sign."""

from lgi_protocol import whole_number
from lgi_server.api import admin_fields
from lgi_server.api.fields import Field
from lgi_server.api.form import Form

KINDS, RULES = ("user", "group"), ("allowed", "denied")
_MOST = 2**31 - 1


def kind_of(form: Form) -> str:
    """Return "user" or "group"; LGIError STATE."""
    return one_of(form, admin_fields.KIND, KINDS)


def one_of(form: Form, field: Field, words: tuple[str, ...]) -> str:
    """Return a value that is one of a few words; LGIError of the field."""
    value = form.line(field)
    if value not in words:
        raise field.refusal(field.malformed, f"{value[:40]!r} is not one of {', '.join(words)}")
    return value


def signed_number(form: Form, field: Field) -> int:
    """Return a whole number that may be negative, 0 for none; LGIError of the field."""
    text = form.line(field) or "0"
    number = whole_number.read(text.removeprefix("-"), most=_MOST)
    if number is None:
        raise field.refusal(field.malformed, f"{text[:40]!r} is not a whole number of at most {_MOST}")
    return -number if text.startswith("-") else number
