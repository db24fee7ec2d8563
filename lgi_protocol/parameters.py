"""The parameters that an application declares in its capabilities: forms ask for them, specifics have them.

A job has ``<encut> 450 </encut>`` in its specifics for ``<parameters> <parameter> <name> encut </name> <type>
number </type> ... </parameter> ... </parameters>``.
"""

import math
import re
from collections.abc import Iterator, Sequence

from lgi_protocol import comma_lists, xml
from lgi_protocol.value_object import value_object
from lgi_protocol.xml_reader import elements, find, unescape

PARAMETERS, PARAMETER = "parameters", "parameter"
TYPES = ("text", "integer", "number", "choice", "flag")
# Parameters of an application, choices of one, and bytes of a value and of a text for people.
MOST, MOST_CHOICES, MOST_VALUE, MOST_TEXT = 40, 60, 1000, 300
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}\Z")
_NUMBER = re.compile(r"[+-]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})([eE][+-]?[0-9]{1,3})?\Z")
# What specifics say to LGI and its scripts, which no application may take for its own.
_TAKEN = frozenset(
    {
        "cpus",
        "nodes",
        "memory",
        "walltime",
        "image",
        "licences",
        "gpus",
        "daemon_reference",
        "here",
        *xml.RESERVED_TAGS,
    }
)


@value_object
class Parameter:
    """A parameter: ``kind`` is one of `TYPES`, ``least`` and ``most`` are limits of a number as text."""

    name: str
    kind: str
    label: str
    default: str = ""
    help: str = ""
    least: str = ""
    most: str = ""
    choices: tuple[str, ...] = ()

    def check(self, text: str) -> str:
        """Return a value in the form that specifics have, empty for none. Raises ValueError."""
        text = text.strip()
        if not text:
            return ""
        if len(text.encode("utf-8", "replace")) > MOST_VALUE:
            raise ValueError(f"it has more than {MOST_VALUE} bytes")
        if not text.replace("\n", "").replace("\t", "").isprintable():
            raise ValueError("it has control characters")
        if self.kind == "choice" and text not in self.choices:
            raise ValueError(f"{text[:40]!r} is not one of {comma_lists.join(self.choices)}")
        if self.kind == "flag":
            return "1"
        if self.kind in {"integer", "number"}:
            self._check_number(text)
        return text

    def _check_number(self, text: str) -> None:
        pattern = _INTEGER if self.kind == "integer" else _NUMBER
        if not pattern.match(text) or not math.isfinite(float(text)):
            raise ValueError(f"{text[:40]!r} is no {'whole number' if self.kind == 'integer' else 'number'}")
        if self.least and float(text) < float(self.least):
            raise ValueError(f"{text[:40]} is less than {self.least}")
        if self.most and float(text) > float(self.most):
            raise ValueError(f"{text[:40]} is more than {self.most}")


def declared(capabilities: str, application: str) -> Sequence[Parameter]:
    """Return the parameters of an application; those that are declared wrongly are left out.

    The content of the application's element may be escaped (as our daemon writes it) or plain XML.
    """
    try:
        part = find(capabilities, application)
        for text in dict.fromkeys((part.inside, unescape(part.inside))) if part else ():
            if PARAMETERS in text and (found := find(text, PARAMETERS)):
                return tuple(_distinct(found.inside))[:MOST]
    except ValueError:
        pass
    return ()


def _distinct(text: str) -> Iterator[Parameter]:
    names = set()
    for element in elements(text):
        one = _parameter(element.inside) if element.name == PARAMETER else None
        if one is not None and one.name not in names:
            names.add(one.name)
            yield one


def _parameter(text: str) -> Parameter | None:
    fields = ("name", "type", "label", "default", "help", "min", "max", "choices")
    given = {name: _line(value) for name, value in xml.values(text, *fields).items()}
    name, kind = given["name"], given["type"] or "text"
    choices = comma_lists.unique(comma_lists.split(given["choices"]))[:MOST_CHOICES]
    limits = {key: given[key] if _NUMBER.match(given[key]) else "" for key in ("min", "max")}
    if not _NAME.match(name) or name in _TAKEN or kind not in TYPES or (kind == "choice" and not choices):
        return None
    made = Parameter(
        name, kind, given["label"] or name, "", given["help"], limits["min"], limits["max"], choices
    )
    try:
        return Parameter(**{**vars(made), "default": made.check(given["default"])})
    except ValueError:
        return made


def _line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:MOST_TEXT]


def specifics(name: str, value: str) -> str:
    """Return the value of a parameter as the specifics of a job have it."""
    return f"<{name}> {xml.escape(value)} </{name}>"
