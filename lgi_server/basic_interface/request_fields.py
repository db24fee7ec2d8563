"""The fields of the submit form that become specifics: requests as cores, and an application's parameters."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lgi_protocol import capabilities, comma_lists, job_usage, parameters, whole_number, xml
from lgi_protocol.errors import LGIError
from lgi_protocol.parameters import Parameter
from lgi_protocol.time_span import span
from lgi_protocol.xml_reader import elements
from lgi_server.api import fields
from lgi_server.api.fields import E, Field
from lgi_server.api.form import Form
from lgi_server.basic_interface import gpu_field
from lgi_server.tables.active_resources import ResourceRow

# Before the name of a parameter in a form, and the field with the application whose parameters it shows.
PREFIX, SHOWN = "parameter_", Field("parameters_of", fields.SHORT, E.APPLICATION_TOO_BIG, E.APPLICATION)
# Images that are offered while one is typed.
MOST_IMAGES = 200
_SIZE = re.compile(r"([0-9]{1,9})\s*([mgt]?)b?")
_TIME = re.compile(r"(?:([0-9]{1,6})\s*([smhd]?)|([0-9]{2,3}:[0-5][0-9]:[0-5][0-9]))")
_SIZES, _SECONDS = {"": 1, "m": 1, "g": 1024, "t": 1024**2}, {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _count(text: str) -> str:
    number = whole_number.read(text, 1, 10**9)
    if number is None:
        raise ValueError(f"{text[:40]!r} is no number above 0")
    return str(number)


def _memory(text: str) -> str:
    match = _SIZE.fullmatch(text.lower())
    if match is None or not int(match[1]):
        raise ValueError(f"{text[:40]!r} is no amount of memory, as 2000 (MB) or 2G")
    return _count(str(int(match[1]) * _SIZES[match[2]]))


def _walltime(text: str) -> str:
    match = _TIME.fullmatch(text.lower())
    if match is None:
        raise ValueError(f"{text[:40]!r} is no time, as 90 (seconds), 30m, 2h or 01:30:00")
    return match[3] or _count(str(int(match[1]) * _SECONDS[match[2]]))


def _image(text: str) -> str:
    if not capabilities.is_image(text):
        raise ValueError(f"{text[:40]!r} is no image, as psi4:1.5")
    return text


def _licences(text: str) -> str:
    return comma_lists.join(comma_lists.split(text))


# The fields by the names of their elements; what is wrong is a ValueError.
_REQUESTS: Mapping[str, Callable[[str], str]] = {
    "cpus": _count,
    "nodes": _count,
    "memory": _memory,
    "walltime": _walltime,
    "image": _image,
    "licences": _licences,
}
NAMES = tuple(f"request_{name}" for name in _REQUESTS)


@dataclass(frozen=True)
class Offered:
    """What resources offer for an application: parameters, images, and the most of each request as text."""

    parameters: Sequence[Parameter]
    images: Sequence[str]
    limits: Mapping[str, str]


def offered(resources: Sequence[ResourceRow], application: str) -> Offered:
    """Return what resources say of an application; the first one that declares a parameter counts."""
    found: dict[str, Parameter] = {}
    images, most = set[str](), dict[str, int]()
    for one in resources if application else ():
        for parameter in parameters.declared(one.resource_capabilities, application):
            found.setdefault(parameter.name, parameter)
        said = capabilities.read_capabilities(one.resource_capabilities, application)
        images |= set(said.images)
        most = {**most, **{tag: max(number, most.get(tag, 0)) for tag, number in said.maximum.items()}}
    limits = {tag: _amount(tag, number) for tag, number in most.items()}
    return Offered(list(found.values())[: parameters.MOST], sorted(images)[:MOST_IMAGES], limits)


def _amount(tag: str, number: int) -> str:
    if tag == "memory":
        return job_usage.size(number * job_usage.MEGABYTE)
    return span(number) if tag == "walltime" else str(number)


def specifics(form: Form, declared: Sequence[Parameter]) -> str:
    """Return the specifics of a form: what is typed as XML, the requests and the parameters; LGIError."""
    text = gpu_field.specifics(form)
    for name, read in _REQUESTS.items():
        text += _element(form, f"request_{name}", name, read, text)
    if form.line(SHOWN) == form.line(fields.APPLICATION):
        for one in declared:
            text += _element(form, f"{PREFIX}{one.name}", one.name, one.check, text)
    text = text.strip()
    try:
        xml.check_fragment(text, xml.RESERVED_TAGS | fields.DAEMON_REFERENCE)
    except ValueError as error:
        raise fields.SPECIFICS.refusal(fields.SPECIFICS.malformed, str(error)) from None
    return text


def _element(form: Form, field_name: str, name: str, read: Callable[[str], str], text: str) -> str:
    """Return a posted value as an element, empty for none; LGIError, whose message begins with the field."""
    field = Field(field_name, parameters.MOST_VALUE + 1, E.SPECIFICS_XML, E.SPECIFICS_XML)
    value = form.checked(field, read)
    if not value:
        return ""
    if f"<{name}>" in text:
        raise _refused(field, f"the specifics have <{name}> too: leave one of the two out")
    return f" {parameters.specifics(name, value)}"


def _refused(field: Field, why: str) -> LGIError:
    return field.refusal(field.malformed, why)


def split(text: str, declared: Sequence[Parameter]) -> tuple[str, Mapping[str, str]]:
    """Return specifics without the elements that have a field, and the values of these fields."""
    names = {
        **{name: f"request_{name}" for name in _REQUESTS},
        **{one.name: f"{PREFIX}{one.name}" for one in declared},
    }
    rest, values = text, dict[str, str]()
    try:
        for found in reversed(list(elements(text))):
            if found.name in names and "<" not in found.inside and names[found.name] not in values:
                values[names[found.name]] = found.text
                rest = rest[: found.begin] + rest[found.end :]
    except ValueError:
        return text, {}
    return rest.strip(), values
