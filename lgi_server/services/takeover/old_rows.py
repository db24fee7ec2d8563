"""Rows of LGI 1.31 as rows of ours. Each function raises ValueError, which says what cannot be read."""

from collections.abc import Mapping
from typing import Any

from lgi_protocol import comma_lists, common_name, xml
from lgi_server.storage import repository
from lgi_server.tables.job_queue.jobs import LIST_SIZE, JobRow

Row = Mapping[str, Any]
_REPOSITORY = frozenset({"repository", "repository_url"})
_LARGEST_NUMBER = 2**31 - 1


def job(row: Row) -> JobRow:
    """Return a job without its lock; its repository is named in the specifics, which keep all other tags."""
    specifics, place = _split_specifics(_text(row, "job_specifics"))
    return JobRow(
        job_id=_number(row, "job_id", 1),
        state=_name(row, "state"),
        application=_application(row),
        owners=_names(row, "owners"),
        read_access=_names(row, "read_access", may_be_empty=True),
        write_access=_names(row, "write_access", may_be_empty=True),
        target_resources=_names(row, "target_resources"),
        job_specifics=specifics,
        lock_state=0,
        state_time_stamp=_number(row, "state_time_stamp", 0, 2**62),
        repository=place,
        input=_bytes(row, "input"),
        output=_bytes(row, "output"),
        daemon_pulse=_number(row, "daemon_pulse", 0, 2**62),
        priority=_number(row, "priority", -(2**62), 2**62),
    )


def _split_specifics(text: str) -> tuple[str, str]:
    """Return job specifics without the tags of the repository, and its name; empty when it has none."""
    name, kept = "", text
    for found in reversed(list(xml.elements(text))):
        if found.name in _REPOSITORY:
            name = name or _repository_in(kept, found.begin, found.end)
            kept = kept[: found.begin] + kept[found.end :]
    xml.check_fragment(kept)
    return kept.strip(), name


def _repository_in(text: str, begin: int, end: int) -> str:
    """Return the name of the repository with which a path or an address ends."""
    name = text[begin:end].rpartition("<")[0].strip().rpartition("/")[2]
    return name if repository.is_name(name) else ""


def resource(row: Row) -> tuple[Any, ...]:
    """Return the values of a resource or project server, in the order of `lgi_tables.TABLES`."""
    return (
        _number(row, "resource_id", 1),
        common_name.check_name(_name(row, "resource_name")),
        _text(row, "resource_capabilities"),
        _text(row, "client_certificate"),
        _number(row, "last_call_time", 0, 2**62),
        _number(row, "project_server", 0, 2),
        _name(row, "url", may_be_empty=True),
    )


def rule(row: Row) -> tuple[Any, ...]:
    """Return the values of a rule, in the order of `lgi_tables.TABLES`."""
    column = "user_name" if "user_name" in row else "group_name"
    application = _name(row, "application")
    if application != comma_lists.ANY and not xml.is_name(application):
        raise ValueError(f"application {application!r} is no name of an application")
    names = (_name(row, column), application)
    return (*names, _number(row, "job_limit", -_LARGEST_NUMBER)) if "job_limit" in row else names


def update(row: Row) -> tuple[Any, ...]:
    """Return the values of an update, in the order of `lgi_tables.TABLES`; servers have applied it."""
    return _number(row, "version", 1), _name(row, "servers"), _bytes(row, "update_query")


def _application(row: Row) -> str:
    application = _name(row, "application")
    if not xml.is_name(application):
        raise ValueError(f"application {application!r:.80} is no name of an application")
    return application


def _names(row: Row, column: str, may_be_empty: bool = False) -> tuple[str, ...]:
    names = comma_lists.unique(comma_lists.split(_name(row, column, may_be_empty)))
    if not (names or may_be_empty):
        raise ValueError(f"{column} is empty")
    return names


def _name(row: Row, column: str, may_be_empty: bool = False) -> str:
    """Return a text of one line."""
    text = _text(row, column).strip()
    if not (text or may_be_empty) or common_name.has_control(text) or len(text.encode()) >= LIST_SIZE:
        raise ValueError(f"{column} {text!r:.80} is empty, too long, or has control characters")
    return text


def _text(row: Row, column: str) -> str:
    value = row[column]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise ValueError(f"{column} is not UTF-8") from None
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{column} {value!r:.80} is no text")
    return value or ""


def _bytes(row: Row, column: str) -> bytes:
    value = row[column]
    return value.encode() if isinstance(value, str) else bytes(value or b"")


def _number(row: Row, column: str, least: int, most: int = _LARGEST_NUMBER) -> int:
    value = row[column]
    if not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{column} {value!r:.80} is not a number from {least} to {most}")
    return value
