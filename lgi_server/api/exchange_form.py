"""The field of an exchange (wire.md 6, ours): its elements, each read as the fields of other calls are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from lgi_protocol import exchange, machine_state, xml
from lgi_protocol.daemon_reference import is_reference
from lgi_protocol.errors import LGIError
from lgi_protocol.machine_state import MachineState
from lgi_server.api import fields
from lgi_server.api.fields import Field
from lgi_server.api.form import Form
from lgi_server.services.jobs.exchange import Requests
from lgi_server.services.jobs.exchange_request import (
    PostedHold,
    PostedReference,
    PostedReport,
    PostedWant,
    RefusedItem,
    Verdict,
)

# Jobs that one want may exclude.
MOST_WITHOUT = 1024
# Elements of an exchange, and of an item of its lists; those of later versions are read over.
MOST_PARTS = 32
# What a report may change; targets and input of a job stay as they are.
_REPORT = frozenset(
    one.name
    for one in (
        *(fields.JOB_ID, fields.OWN_REFERENCE, fields.NEW_STATE, fields.OUTPUT, fields.ECHOED_SPECIFICS),
        *(fields.EXIT_CODE, fields.EXIT_SIGNAL, fields.END_REASON, fields.FILES, fields.FILE_CONTENTS),
        *fields.USAGE,
    )
)
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class FormReport(PostedReport):
    """A report with all of its fields; ``stored`` is how many of its files are in the job's repository."""

    form: Form
    stored: int = 0


@dataclass(frozen=True)
class PostedExchange:
    """What a daemon posts in the field; ``machine`` is None if it says nothing of its machine."""

    reports: tuple[FormReport | Verdict, ...]
    requests: Requests
    machine: MachineState | None = None


def read(form: Form) -> PostedExchange:
    """Return the posted exchange; an item that cannot be read is refused by itself.

    Raises LGIError, and nothing is done: POST_TOO_BIG, UPLOAD if it is not XML, or that of two others.
    """
    parts = _fields(form.text(fields.EXCHANGE))
    wants = _all(parts, "wants", "want", exchange.MOST_WANTS, _want)
    references = _all(parts, "references", "reference", exchange.MOST_REFERENCES, _reference)
    return PostedExchange(
        reports=_all(parts, "reports", "report", exchange.MOST_REPORTS, _report),
        requests=Requests(
            holds=_all(parts, "holds", "hold", exchange.MOST_HOLDS, _hold),
            wants=[one for one in wants if not isinstance(one, RefusedItem)],
            references=[one for one in references if not isinstance(one, RefusedItem)],
            watched=_numbers(Form(parts), fields.KNOWN_WATCHED) if "watched" in parts else None,
            refused=[one for one in (*wants, *references) if isinstance(one, RefusedItem)],
            attached=frozenset(Form(parts).names(fields.ATTACHED)) if "attached" in parts else None,
        ),
        machine=machine_state.read(parts["machine"]) if "machine" in parts else None,
    )


def _elements(text: str, most: int, where: str) -> list[xml.XmlElement]:
    """Return the elements of a text in which nothing is beside them.

    Raises LGIError UPLOAD, or POST_TOO_BIG at the first beyond ``most``: a megabyte can have 100,000.
    """
    found: list[xml.XmlElement] = []
    at = 0
    try:
        for element in xml.elements(text):
            if text[at : element.begin].strip():
                break
            if len(found) == most:
                raise fields.EXCHANGE.refusal(
                    fields.EXCHANGE.too_big, f"more than {most} elements in {where}"
                )
            found.append(element)
            at = element.end
    except ValueError as error:
        raise _refusal(str(error)) from None
    if rest := text[at:].strip():
        raise _refusal(f"it is not well-formed XML at {rest[:40]!r}")
    return found


def _refusal(why: str) -> LGIError:
    return fields.EXCHANGE.refusal(fields.EXCHANGE.malformed, why)


def _fields(text: str) -> Mapping[str, str]:
    """Return the elements of a text as fields; of two with one name the first counts, as in a form."""
    return {element.name: element.inside for element in reversed(_elements(text, MOST_PARTS, "it"))}


def _all(
    parts: Mapping[str, str], name: str, each: str, most: int, parse: Callable[[Form], _Item]
) -> tuple[_Item, ...]:
    """Return the parsed elements of a list, at most ``most``; LGIError POST_TOO_BIG or UPLOAD."""
    items = [one for one in _elements(parts.get(name, ""), most, name) if one.name == each]
    return tuple(parse(_form(item.inside, each)) for item in items)


def _form(text: str, where: str) -> Form:
    return Form({one.name: one.text for one in reversed(_elements(text, MOST_PARTS, where))})


def _report(posted: Form) -> FormReport | Verdict:
    form = posted.only(_REPORT)
    try:
        return FormReport(
            job_id=form.number(fields.JOB_ID),
            reference=form.line(fields.OWN_REFERENCE),
            state=_line_or_empty(form, fields.NEW_STATE),
            reason=_line_or_empty(form, fields.END_REASON),
            form=form,
        )
    except LGIError as error:
        return _unreadable(form, error)


def _unreadable(form: Form, error: LGIError) -> Verdict:
    """Return the answer to a report or hold, which names the job as the daemon does."""
    return Verdict(form.begin(fields.JOB_ID), form.begin(fields.OWN_REFERENCE), error=error)


def _line_or_empty(form: Form, field: Field) -> str:
    try:
        return form.line(field)
    except LGIError:
        # It is raised when the change is read.
        return ""


def _hold(form: Form) -> PostedHold | Verdict:
    try:
        return PostedHold(
            job_id=form.number(fields.JOB_ID),
            reference=form.line(fields.OWN_REFERENCE),
            stamp=form.number(fields.STAMP),
            wait_reason=_wait_reason(form),
        )
    except LGIError as error:
        return _unreadable(form, error)


def _wait_reason(form: Form) -> str | None:
    """Return what a daemon says, shortened and without control characters: it never refuses a hold."""
    field = fields.WAIT_REASON
    return form.begin(field, exchange.MOST_WAIT_REASON) if form.has(field.name) else None


def _want(form: Form) -> PostedWant | RefusedItem:
    try:
        return PostedWant(
            application=form.tag(fields.APPLICATION),
            count=form.number(fields.COUNT),
            owners=form.names(fields.WANTED_OWNERS),
            without=_numbers(form, fields.WITHOUT),
            cores=_bound(form, fields.CORES),
            memory=_bound(form, fields.MEMORY),
            gpus=_bound(form, fields.GPUS) or 0,
        )
    except LGIError as error:
        return RefusedItem("want", form.begin(fields.APPLICATION), error)


def _bound(form: Form, field: Field) -> int | None:
    return form.number(field) if form.text(field) else None


def _numbers(form: Form, field: Field) -> frozenset[int]:
    numbers = form.numbers(field)
    if len(numbers) > MOST_WITHOUT:
        raise field.refusal(field.too_big, f"{len(numbers)} numbers, at most {MOST_WITHOUT} are allowed")
    return numbers


def _reference(form: Form) -> PostedReference | RefusedItem:
    try:
        reference = form.line(fields.OWN_REFERENCE)
        if not is_reference(reference):
            why = f"{reference[:40]!r} is not 32 hexadecimal digits"
            raise fields.OWN_REFERENCE.refusal(fields.OWN_REFERENCE.malformed, why)
        request = form.data(fields.CERTIFICATE_REQUEST) if form.has(fields.CERTIFICATE_REQUEST.name) else b""
        return PostedReference(reference, request)
    except LGIError as error:
        return RefusedItem("reference", form.begin(fields.OWN_REFERENCE), error)
