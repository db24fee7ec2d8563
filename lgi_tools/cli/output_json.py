"""The output of ``--json``: LGI's own names, numbers as numbers, comma lists as lists."""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from functools import lru_cache, wraps
from typing import Any, ParamSpec

import click

from lgi_protocol import comma_lists, xml
from lgi_protocol.errors import ServerError, TransportError
from lgi_protocol.reply import Reply, leading_number, signed_number
from lgi_tools.cli import terminal
from lgi_tools.cli.program import CallError

Values = dict[str, Any]
_Parameters = ParamSpec("_Parameters")
_PROJECT = ("project", "this_project_server", "project_master_server")
_TIMES = ("submitted", "started", "ended", "kept_until", "deadline", "tried", "retries", "fetched")


# Most jobs of a list have the same owners and readers.
_names = lru_cache(maxsize=1024)(comma_lists.split)
# How the elements of a job are read that each has, and those that one may have.
_ALWAYS: Mapping[str, Callable[[str], Any]] = {
    "job_id": leading_number,
    "state": str,
    "application": str,
    **dict.fromkeys(("target_resources", "owners", "read_access", "write_access"), _names),
    "state_time_stamp": leading_number,
}
_OPTIONAL: Mapping[str, Callable[[str], Any]] = {
    "job_name": str,
    "priority": signed_number,
    "urgent": str,
    "fetched_by": str,
    **dict.fromkeys((*_TIMES, "array_id", "array_index"), leading_number),
}


class OutputFormat(Enum):
    """The format of output: text for people, the server's XML, or JSON."""

    TEXT = auto()
    XML = auto()
    JSON = auto()


def shape(raw: bool, as_json: bool) -> OutputFormat:
    """Return the output format for -x and --json. Raises UsageError for both together."""
    if raw and as_json:
        raise click.UsageError("--json cannot be combined with -x")
    return OutputFormat.JSON if as_json else OutputFormat.XML if raw else OutputFormat.TEXT


option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def show(values: Values) -> None:
    """Print a JSON document on one line, as ASCII."""
    import json

    terminal.show(json.dumps(values) + "\n")


def items(found: list[Values]) -> str:
    """Return values as JSON, as they stand in a list; of a long list these take less memory."""
    import json

    return json.dumps(found)[1:-1]


def show_list(values: Values, name: str, parts: Iterable[str]) -> None:
    """Print a JSON document that ends with a list, whose ``parts`` are of `items`."""
    import json

    listed = ", ".join(filter(None, parts))
    terminal.show(f'{json.dumps(values)[:-1]}, "{name}": [{listed}]}}\n')


def json_errors(command: Callable[_Parameters, int]) -> Callable[_Parameters, int]:
    """Wrap a command so that with --json it also prints the errors of a server as JSON."""

    @wraps(command)
    def run(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> int:
        if not kwargs["as_json"]:
            return command(*args, **kwargs)
        try:
            return command(*args, **kwargs)
        except CallError as failure:
            show({"error": error(failure)})
            return 1
        except click.ClickException as failure:
            if not isinstance(failure.__cause__, ServerError | TransportError):
                raise
            show({"error": error(failure)})
            return failure.exit_code

    return run


def error(failure: CallError | click.ClickException) -> Values:
    """Return the number and message of an error; the number is null when the server did not answer."""
    cause = failure.__cause__
    if isinstance(cause, ServerError):
        return {"number": cause.number, "message": cause.message}
    return {"number": None, "message": str(failure)}


def refused(cause: ServerError) -> Values:
    """Return the key and value for what a server has refused."""
    return {"error": {"number": cause.number, "message": cause.message}}


def project(reply: Reply) -> Values:
    """Return the project and server of an answer."""
    return {name: reply.value(name) for name in _PROJECT}


def caller(reply: Reply) -> Values:
    """Return the project, server, user and groups of an answer."""
    groups = list(comma_lists.split(reply.value("groups")))
    return project(reply) | {"user": reply.value("user"), "groups": groups}


def job(text: str) -> Values:
    """Return a ``<job>`` of a list."""
    pairs = xml.pairs(text)
    # The first element of a name counts.
    texts = dict(reversed(pairs))
    values = {name: read(texts.get(name, "")) for name, read in _ALWAYS.items()}
    values |= {name: read(texts[name]) for name, read in _OPTIONAL.items() if texts.get(name)}
    values |= _end(texts)
    # Name, labels and times, as far as the server has them.
    if "label" in texts:
        labels = (one.partition("=") for name, one in pairs if name == "label")
        values["labels"] = {key: value for key, _, value in labels}
    if "hold" in texts:
        from lgi_tools.cli.output_jobs import of_holds
        from lgi_tools.client.hold import read_holds

        values["holds"] = of_holds(read_holds(text))
    return values


def _end(texts: Mapping[str, str]) -> Values:
    """Return how a job has ended and what it has used, as far as it is known."""
    from lgi_protocol import job_end, job_usage

    fields = (*job_end.FIELDS, *job_usage.FIELDS)
    if texts.keys().isdisjoint(fields):
        return {}
    known = {name: texts.get(name, "") for name in fields}
    end = job_end.end_of(known)
    found = {"exit_code": end.exit_code, "exit_signal": end.exit_signal, "end_reason": end.reason or None}
    found |= vars(job_usage.usage_of(known))
    return {name: one for name, one in found.items() if one is not None}


def details(text: str) -> Values:
    """Return a complete ``<job>``, with its files under ``repository_content``."""
    specifics = xml.value(text, "job_specifics")
    content = xml.find(text, "repository_content")
    values = job(text) | {"job_specifics": specifics}
    values |= _data("input", text) | _data("output", text)
    values["repository_url"] = xml.value(specifics, "repository_url")
    return values | {"repository_content": files(content.inside if content else "")}


def _data(name: str, text: str) -> Values:
    """Return bytes as text; bytes that are not UTF-8 as null and hexadecimal digits."""
    from lgi_protocol import hexcode

    digits = xml.value(text, name)
    try:
        return {name: hexcode.decode(digits).decode("utf-8")}
    except ValueError:
        return {name: None, f"{name}_hex": digits}


def files(content: str) -> list[Values]:
    """Return the files of a ``<repository_content>``."""
    from lgi_tools.client.stored_file import file_name

    return [
        {
            "file_name": file_name(found.inside),
            "size": leading_number(xml.value(found.inside, "size")),
            "date": leading_number(xml.value(found.inside, "date")),
        }
        for found in xml.find_all(content, "file")
    ]


def licence(text: str) -> Values:
    """Return a ``<licence>``."""
    values: Values = {"name": xml.value(text, "name")}
    return values | {name: leading_number(xml.value(text, name)) for name in ("total", "used")}


def resource(text: str) -> Values:
    """Return a ``<resource>``."""
    from lgi_protocol import capabilities, machine_state

    values: Values = {
        "resource_name": xml.value(text, "resource_name"),
        "resource_capabilities": capabilities.readable(xml.value(text, "resource_capabilities")),
        "last_call_time": leading_number(xml.value(text, "last_call_time")),
    }
    if since := xml.value(text, "drained_since"):
        values |= {"drained_since": leading_number(since), "drain_reason": xml.value(text, "drain_reason")}
    if machine := xml.find(text, "machine"):
        values["machine"] = vars(machine_state.read(machine.inside)) | {
            "told_at": leading_number(xml.value(machine.inside, "told_at"))
        }
    return values
