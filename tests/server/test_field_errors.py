"""What is said about a posted field that cannot be accepted."""

from collections.abc import Callable

import pytest

from lgi_protocol.errors import LGIError
from lgi_server.api import end_fields, fields
from lgi_server.api.fields import Field
from lgi_server.api.form import Form

FIELDS = {name: value for name, value in vars(fields).items() if isinstance(value, Field)}


def message(read: Callable[[Form], object], posted: dict[str, str]) -> str:
    """Why a value is refused."""
    with pytest.raises(LGIError) as refused:
        read(Form(posted))
    return refused.value.message


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS.keys())
def test_a_field_that_is_refused_is_named(field: Field) -> None:
    """Whatever number it has: there are 73, so that a field of ours has the number of another one."""
    wrong = [
        message(lambda form: form.text(field), {field.name: "x" * (field.limit + 1)}),
        message(lambda form: form.line(field), {field.name: "a\nb"}),
        message(lambda form: form.number(field), {field.name: "x"}),
        message(lambda form: form.tag(field), {field.name: "<"}),
        *([message(lambda form: form.text(field), {})] if field.missing else []),
    ]

    assert [one for one in wrong if not one.startswith(f"{field.name} is ")] == []


def test_a_wait_that_is_too_long_is_not_called_a_limit() -> None:
    """It has the number of `limit`, not its text."""
    read = fields.WAIT

    assert message(lambda form: form.number(read), {"wait": "1" * 11}) == (
        "wait is not acceptable: 11 bytes, at most 9 are allowed"
    )


def test_an_end_that_is_refused_names_its_field() -> None:
    """The error number is that of the state, but the message names the field."""
    code = message(lambda form: end_fields.posted(form, "finished"), {"exit_code": "256"})
    ended = message(end_fields.result_filter, {"ended": "well"})

    assert code == "exit_code is not acceptable: '256' is not a number from 0 to 255"
    assert ended.startswith("ended is not acceptable: 'well' is not one of succeeded, ")


def test_a_list_of_numbers_with_too_many_digits_is_refused() -> None:
    """A long list has room for a number that int() does not take."""
    refused = message(lambda form: form.numbers(fields.KNOWN_QUEUED), {"queued": f"1, {'2' * 5000}"})

    assert refused.startswith("queued is not acceptable: '1, 222")
    assert Form({"queued": "1, 2, 01"}).numbers(fields.KNOWN_QUEUED) == {1, 2}
