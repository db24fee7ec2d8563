"""The text of an exchange: the field that a daemon posts, and the answer that it reads (wire.md 6, ours).

job_specifics are escaped here, also those of the answer about a hold: a user's XML may have any tag.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

from lgi_protocol import comma_lists, hexcode, job_repository, machine_state, xml
from lgi_protocol.errors import ServerError
from lgi_protocol.exchange import (
    AttachRequest,
    Exchange,
    ExchangeAnswer,
    GivenJob,
    Hold,
    JobAnswer,
    Reference,
    RefusedItem,
    Report,
    Want,
)
from lgi_protocol.job_description import ELEMENTS, job_of
from lgi_protocol.reply import Reply, leading_number
from lgi_protocol.xml import Element

_Value = TypeVar("_Value")
# The elements of the answer to a report or a hold.
_ANSWER = (
    *("job_id", "daemon_reference", "state", "state_time_stamp", "job_specifics", "target_resources"),
    "files",
)


def write(exchange: Exchange) -> str:
    """Return the text of the field ``exchange``."""
    parts = [
        _list("reports", map(_report, exchange.reports)),
        _list("holds", map(_hold, exchange.holds)),
        _list("wants", map(_want, exchange.wants)),
        _list("references", map(_reference, exchange.references)),
    ]
    if exchange.watched is not None:
        parts.append(Element("watched", comma_lists.join(exchange.watched)))
    if exchange.attached is not None:
        parts.append(Element("attached", comma_lists.join(exchange.attached)))
    if exchange.machine is not None:
        parts.append(Element("machine", machine_state.elements(exchange.machine)))
    return " ".join(xml.write(part) for part in parts if part.content != ())


def size(report: Report) -> int:
    """Return how many bytes of `MOST_TEXT` a report takes."""
    return len(xml.write(_report(report)).encode()) + 1


def _list(name: str, content: Iterable[Element]) -> Element:
    return Element(name, tuple(content))


def _report(one: Report) -> Element:
    optional = (
        ("output", hexcode.encode(one.output)),
        ("exit_code", one.end.exit_code),
        ("exit_signal", one.end.exit_signal),
        ("end_reason", one.end.reason),
        *vars(one.end.usage).items(),
        ("job_specifics", one.job_specifics),
        ("files", job_repository.listing(one.files) if one.files else ""),
        ("file_contents", hexcode.encode(b"".join(file.data for file in one.files))),
    )
    given = [Element(name, value) for name, value in optional if value not in {None, ""}]
    return Element("report", (*_job(one), Element("state", one.state), *given))


def _job(one: Report | Hold) -> tuple[Element, Element]:
    return Element("job_id", one.job_id), Element("daemon_reference", one.daemon_reference)


def _hold(one: Hold) -> Element:
    reason = () if one.wait_reason is None else (Element("wait_reason", one.wait_reason),)
    return Element("hold", (*_job(one), Element("state_time_stamp", one.state_time_stamp), *reason))


def _want(one: Want) -> Element:
    optional = (
        ("owners", one.owners),
        ("without", comma_lists.join(one.without)),
        ("cores", one.cores),
        ("memory", one.memory),
        ("gpus", one.gpus),
    )
    given = [Element(name, value) for name, value in optional if value not in {None, ""}]
    return Element("want", (Element("application", one.application), Element("count", one.count), *given))


def _reference(one: Reference) -> Element:
    request = (Element("request", hexcode.encode(one.request)),) if one.request else ()
    return Element("reference", (Element("daemon_reference", one.daemon_reference), *request))


def read(reply: Reply) -> ExchangeAnswer:
    """Return an answer; raise ValueError when a part of it is not hexadecimal."""
    return ExchangeAnswer(
        resource=reply.value("resource"),
        reports=_all(reply, "reports", "report", _job_answer),
        holds=_all(reply, "holds", "hold", _job_answer),
        watched=comma_lists.split(reply.value("watched")),
        spent=comma_lists.split(reply.value("spent")),
        jobs=tuple(_given(text) for text in reply.all("job")),
        has_more=reply.number("more") > 0,
        other_daemons=reply.number("other_daemons"),
        restored_at=reply.number("restored_at"),
        backup_made_at=reply.number("backup_made_at"),
        refused=(
            *_all(reply, "refused", "want", partial(_refused, "application")),
            *_all(reply, "refused", "reference", partial(_refused, "daemon_reference")),
        ),
        attaches=_all(reply, "attaches", "attach", _attach),
    )


def _attach(text: str) -> AttachRequest:
    return AttachRequest(xml.value(text, "job_id"), xml.value(text, "session"))


def _all(reply: Reply, name: str, each: str, parse: Callable[[str], _Value]) -> tuple[_Value, ...]:
    found = xml.find(reply.content, name)
    return tuple(parse(one.inside) for one in xml.find_all(found.inside, each)) if found else ()


def _job_answer(text: str) -> JobAnswer:
    found = xml.values(text, *_ANSWER)
    return JobAnswer(
        job_id=found["job_id"],
        daemon_reference=found["daemon_reference"],
        state=found["state"],
        state_time_stamp=found["state_time_stamp"],
        job_specifics=found["job_specifics"],
        target_resources=comma_lists.split(found["target_resources"]),
        error=_error(text),
        files=leading_number(found["files"]),
    )


def _error(text: str) -> ServerError | None:
    number = xml.find(text, "error_number")
    return ServerError(leading_number(number.text), xml.value(text, "error_message")) if number else None


def _refused(name: str, text: str) -> RefusedItem:
    return RefusedItem(xml.value(text, name), _error(text) or ServerError(0, ""))


def _given(text: str) -> GivenJob:
    found = xml.values(text, *ELEMENTS, "repository_files", "job_certificate")
    files = found["repository_files"]
    return GivenJob(
        description=job_of(found),
        certificate=hexcode.decode(found["job_certificate"]),
        repository_files=leading_number(files) if files.isdigit() else -1,
    )
