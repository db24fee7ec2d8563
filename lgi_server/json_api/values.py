"""The elements of an answer as JSON: names stay, numbers are numbers, lists are lists."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lgi_protocol import comma_lists, hexcode, xml
from lgi_protocol.xml import Element

Json = dict[str, Any]
# What stands for elements that are repeated.
PLURAL: Mapping[str, str] = {
    "job": "jobs",
    "array": "arrays",
    "resource": "resources",
    "licence": "licences",
    "change": "changes",
    "try": "tries",
    "usage": "usages",
    "token": "tokens",
    "file": "files",
    "label": "labels",
    "hold": "holds",
    "after": "after",
    "unsent": "unsent",
    "count": "counts",
    "offer": "applications",
    "project_server": "project_servers",
    "rule": "rules",
    "right": "rights",
    "share": "shares",
    "mail": "mails",
    "administrator": "administrators",
    "revocation": "revocations",
    "statement": "statements",
    "entry": "entries",
}
INTEGERS = frozenset(
    {
        *("job_id", "state_time_stamp", "exit_code", "exit_signal", "submitted", "started", "ended"),
        *("kept_until", "array_id", "array_index", "array_size", "at_most", "tried", "retries", "deadline"),
        *("priority", "fetched", "since", "until", "number_of_jobs", "mean_run_seconds", "timeout"),
        *("remaining_seconds", "time", "jobs", "seconds", "wanted", "total", "used", "last_call_time"),
        *("running_jobs", "jobs_before", "locked_since", "drained_since", "told_at", "size", "number"),
        *("cpu_milliseconds", "peak_memory", "disk_used", "month", "token_id", "created", "expires"),
        *("last_used", "most_jobs", "most_elements", "offset", "number_of_after", "booted_at", "cores"),
        *("job_limit", "version", "added", "revoked", "changed_at", "entry_id"),
        *("free_cores", "memory", "free_memory", "slots", "free_slots", "gpus", "free_gpus", "due", "tries"),
    }
)
BOOLEANS = frozenset({"offers_application", "is_target", "complete", "told", "more_before", "by_mail"})
FLOATS = frozenset({"load", "weight"})
LISTS = frozenset(
    {
        "owners",
        "read_access",
        "write_access",
        "target_resources",
        "groups",
        "scope",
        "offered_by",
        "unknown_names",
        "events",
    }
)
DATA = frozenset({"input", "output", "tail"})
# What says how many elements follow, which an array says by itself.
_COUNTED = frozenset({f"number_of_{name}" for name in (*PLURAL.values(), "slave_servers")}) - {
    "number_of_after"
}


def to_json(elements: Iterable[Element], keep_count: bool = False) -> Json:
    """Return elements as an object; bytes that are not UTF-8 are null and in ``NAME_hex``."""
    found: Json = {}
    for one in elements:
        name, content = one.name, one.content
        if name == "repository_content" and isinstance(content, tuple):
            found |= {"files": []} | to_json(content)
        elif name in PLURAL and _is_one_of_many(one):
            found.setdefault(PLURAL[name], []).append(_value(one))
        elif name == "job_specifics":
            found |= {name: _value(one)} | repository_url(str(content))
        elif name in DATA:
            found |= _data(name, str(content))
        elif keep_count or name not in _COUNTED:
            found[name] = _value(one)
    return found


def repository_url(specifics: str) -> Json:
    """Return the address of the files of a job, which the server has put at the end of its specifics.

    They are not read from their begin: the specifics of a long list would keep others waiting for seconds.
    """
    begin = specifics.rfind("<repository_url>") if specifics.endswith("</repository_url>") else -1
    url = xml.value(specifics[begin:], "repository_url") if begin >= 0 else ""
    return {"repository_url": url} if url else {}


def _is_one_of_many(one: Element) -> bool:
    # A job that was asked for by its number has none itself; labels and the like never have.
    return one.number is not None or one.name in {"label", "hold", "after", "count", "unsent", "statement"}


def _value(one: Element) -> Any:
    if isinstance(one.content, tuple):
        # Elements without elements in them are empty tuples.
        return to_json(one.content, keep_count=one.name in {"count", "progress", "array"})
    text = str(one.content)
    if one.name == "machine":
        return {found.name: _value(Element(found.name, found.text)) for found in xml.elements(text)}
    for names, read in _READERS:
        if one.name in names:
            return read(text)
    return text


def _data(name: str, digits: str) -> Json:
    data = hexcode.decode(digits)
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {name: None, f"{name}_hex": digits}


def _integer(text: str) -> int | None:
    stripped = text.strip()
    return int(stripped) if stripped.removeprefix("-").isdecimal() else None


_READERS: tuple[tuple[frozenset[str], Callable[[str], Any]], ...] = (
    (INTEGERS, _integer),
    (BOOLEANS, lambda text: text.strip() not in {"", "0"}),
    (FLOATS, float),
    (LISTS, lambda text: list(comma_lists.split(text))),
)
