"""The array of the submit form: numbers and lines, and what the other fields are for each element."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lgi_protocol import array_elements, job_references
from lgi_protocol.array_elements import ArrayElement, Value
from lgi_protocol.errors import LGIError
from lgi_server.api import fields
from lgi_server.api.fields import E, Field
from lgi_server.api.form import Form
from lgi_server.db.transaction import Transaction
from lgi_server.tables import job_arrays
from lgi_server.tables.job_queue import elements as element_rows

NUMBERS = Field("array", 16384, E.SUBMIT_REFUSED, E.SUBMIT_REFUSED)
LINES = Field("each_line", 2**20, E.SUBMIT_REFUSED, E.SUBMIT_REFUSED)
AT_MOST = fields.AT_MOST
NAMES = (NUMBERS.name, LINES.name, AT_MOST.name)
# The fields in which elements have their values.
WRITTEN = (fields.INPUT, fields.LABELS)


@dataclass(frozen=True)
class FormArray:
    """The elements of an array, of which ``at_most`` run at once (0: any number); ``field`` asks for them.

    ``written_bytes`` is the size of the fields that have values, of all elements together.
    """

    elements: tuple[ArrayElement, ...]
    at_most: int
    field: Field
    written_bytes: int


def read(form: Form) -> FormArray | None:
    """Return the array that a form asks for, if it does; LGIError, whose message begins with the field."""
    numbers = _values(form, NUMBERS, array_elements.numbers)
    lines = _values(form, LINES, lambda text: array_elements.lines("the field", text))
    at_most = form.number(AT_MOST) if form.text(AT_MOST) else 0
    dimensions = [values for values in (numbers, lines) if values]
    if not dimensions:
        if at_most:
            raise AT_MOST.refusal(AT_MOST.malformed, "it is for an array, which needs numbers or lines")
        return None
    field = NUMBERS if numbers else LINES
    try:
        array_elements.size_of(dimensions)
    except ValueError as error:
        raise field.refusal(field.too_big, str(error)) from None
    if len(dimensions) > 1:
        _check_places(form)
    elements = tuple(array_elements.elements(dimensions))
    return FormArray(elements, at_most, field, sum(_bytes(form, one, elements) for one in WRITTEN))


def _bytes(form: Form, field: Field, elements: Sequence[ArrayElement]) -> int:
    """Return the size of a field in all elements; LGIError ``too_big`` before it is made."""
    text = form.typed(field).decode()
    if field is not fields.INPUT:
        text = text.strip()
    total = 0
    for element, size in zip(elements, array_elements.sizes(text, elements), strict=True):
        if size >= field.limit:
            why = f"{size} bytes in element {element.index}, at most {field.limit - 1} are allowed"
            raise field.refusal(field.too_big, why)
        total += size
    return total


def _values(form: Form, field: Field, read_all: Callable[[str], list[Value]]) -> Sequence[Value]:
    if not form.text(field):
        return ()
    text = form.untrimmed(field)
    try:
        if "\ufffd" in text:
            raise ValueError("it is not UTF-8")
        return read_all(text)
    except ValueError as error:
        raise field.refusal(field.malformed, str(error)) from None


def _check_places(form: Form) -> None:
    for field in WRITTEN:
        if array_elements.is_unnumbered(form.untrimmed(field)):
            why = "{} is not clear beside numbers and lines: write {1} for the number and {2} for the line"
            raise LGIError(E.SUBMIT_REFUSED, why, message=f"{field.name} is not acceptable")


def values(transaction: Transaction, array_id: int) -> Mapping[str, str]:
    """Return the values of the fields for an array like this one: its indexes, and how many run at once."""
    array = job_arrays.find(transaction, array_id)
    indexes = job_references.write(element_rows.indexes(transaction, array_id))
    return {
        NUMBERS.name: indexes if len(indexes) < NUMBERS.limit else "",
        AT_MOST.name: str((array and array.at_most) or ""),
    }


def written(form: Form, element: ArrayElement) -> Form:
    """Return the form of an element: its values stand in input and labels in the place of ``{}``."""
    return form.edited([field.name for field in WRITTEN], element.written)
