"""The filters of lists that are ours: by name, labels, owner, resource, time and number (wire.md 7, ours)."""

import re
from collections.abc import Sequence

from lgi_protocol import comma_lists, labels
from lgi_protocol.errors import ErrorNumber, LGIError
from lgi_protocol.xml import Element
from lgi_server.api import fields
from lgi_server.api.form import Form

_ARRAY = re.compile(r"([0-9]{1,9})(?:\[([0-9, -]*)\])?")
_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")
# Ranges of numbers in one list.
MOST_RANGES = 1000
ARRAYS = (fields.ARRAY_ID, fields.SINGLE)
# The filters of ours, in the order in which an answer repeats those that were posted.
FILTERS = (
    fields.JOB_NAME,
    fields.LABELS,
    fields.OWNER,
    fields.RESOURCE,
    fields.SINCE,
    fields.JOB_IDS,
    *ARRAYS,
    fields.HELD,
)


def label_terms(form: Form) -> tuple[str, ...]:
    """Return the names and labels that the jobs of a list have, as a `Selection` has them."""
    name = form.checked(fields.JOB_NAME, labels.check_name)
    posted = form.checked(fields.LABELS, labels.normalize_labels)
    return (*([f"{labels.NAME}{name}"] if name else []), *labels.split_labels(posted))


def number_ranges(form: Form) -> tuple[tuple[int, int], ...]:
    """Return the ranges of numbers that the jobs of a list have, written as ``3, 12-40``; LGIError JOB_ID."""
    return _ranges(fields.JOB_IDS, form.names(fields.JOB_IDS))


def array(form: Form) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Return the array of a list, 0 for none, and ranges of its indexes; LGIError JOB_ID.

    An array is written as ``7``, and some of its elements as ``7[1-3,9]``.
    """
    posted = form.line(fields.ARRAY_ID)
    if not posted:
        return 0, ()
    match = _ARRAY.fullmatch(posted)
    if match is None or not int(match[1]):
        why = f"{posted[:40]!r} is neither an array nor elements of one as 7[1-3,9]"
        raise fields.ARRAY_ID.refusal(fields.ARRAY_ID.malformed, why)
    return int(match[1]), _ranges(fields.ARRAY_ID, comma_lists.split(match[2] or ""))


def _ranges(field: fields.Field, texts: Sequence[str]) -> tuple[tuple[int, int], ...]:
    found = []
    for text in texts:
        match = _RANGE.fullmatch(text)
        if match is None:
            raise field.refusal(field.malformed, f"{text[:40]!r} is neither a number nor a range as 12-40")
        found.append((int(match[1]), int(match[2] or match[1])))
    if len(found) > MOST_RANGES:
        raise field.refusal(field.too_big, f"{len(found)} ranges, at most {MOST_RANGES} are allowed")
    return tuple(found)


def numbers(form: Form, most: int) -> tuple[int, ...]:
    """Return the numbers of the jobs that a call is about, each once; LGIError JOB_ID or POST_TOO_BIG."""
    ranges = number_ranges(form)
    if not ranges or any(last < first for first, last in ranges):
        raise fields.JOB_IDS.refusal(fields.JOB_IDS.malformed, "give numbers, or ranges as 12-40")
    if sum(last - first + 1 for first, last in ranges) > most:
        raise LGIError(ErrorNumber.POST_TOO_BIG, f"at most {most} jobs at once")
    return tuple(dict.fromkeys(number for first, last in ranges for number in range(first, last + 1)))


def repeated(form: Form) -> tuple[Element, ...]:
    """Return the filters of ours that were posted, by which a caller sees that they are known here."""
    return tuple(Element(field.name, form.text(field)) for field in FILTERS if form.has(field.name))
