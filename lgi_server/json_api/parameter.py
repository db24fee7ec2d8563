"""What JSON has in the place of the fields of a form: types, checked before any rule sees a value."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from lgi_protocol import hexcode
from lgi_protocol.errors import LGIError
from lgi_server.api.fields import Field

Schema = dict[str, Any]


class Kind(Enum):
    """The type of a value in JSON, and so how it becomes the text of a field."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    NAMES = "names"
    LINES = "lines"
    DATA = "data"


@dataclass(frozen=True)
class Parameter:
    """A property of a body, or a parameter of a query, which is posted as a field.

    ``name`` is the field's unless given. ``words`` are all values that are allowed, none: any.
    """

    field: Field
    about: str
    kind: Kind = Kind.TEXT
    name: str = ""
    required: bool = False
    words: tuple[str, ...] = ()
    least: int = 0

    @property
    def key(self) -> str:
        """The name in JSON and in a query."""
        return self.name or self.field.name

    def from_json(self, value: Any) -> str:
        """Return the text of the field; LGIError of the field for a value of another type."""
        try:
            return _WRITERS[self.kind](value)
        except TypeError as error:
            raise self.refusal(str(error)) from None

    def from_query(self, text: str) -> str:
        """Return the text of the field for one of a query; LGIError of the field."""
        if self.kind is Kind.BOOLEAN:
            if text not in {"true", "false"}:
                raise self.refusal(f"{text[:40]!r} is neither true nor false")
            return str(int(text == "true"))
        is_number = text.removeprefix("-").isdigit() and text.isascii()
        if self.kind is Kind.INTEGER and (not is_number or int(text[:20]) < self.least):
            raise self.refusal(f"{text[:40]!r} is not a number of at least {self.least}")
        return "\n".join(text.split(",")) if self.kind is Kind.LINES else text

    def refusal(self, why: str) -> LGIError:
        """Return the error of a value of a wrong type."""
        return LGIError(self.field.malformed, why, message=f"{self.key} is not acceptable")

    def schema(self) -> Schema:
        """Return the type as OpenAPI describes it."""
        found: Schema = {**_SCHEMAS[self.kind], "description": self.about}
        if self.kind is Kind.INTEGER:
            found["minimum"] = self.least
        if self.words:
            found["enum"] = list(self.words)
        return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("it is not a string")
    return value


def _integer(value: Any) -> str:
    # Not isinstance: True is an int in Python.
    if type(value) is not int:
        raise TypeError("it is not a whole number")
    if abs(value) >= 10**18:
        raise TypeError("the number is too large")
    return str(value)


def _boolean(value: Any) -> str:
    if not isinstance(value, bool):
        raise TypeError("it is neither true nor false")
    return str(int(value))


def _list(value: Any, separator: str) -> str:
    if not isinstance(value, list):
        raise TypeError("it is not an array of strings")
    parts = [_integer(one) if type(one) is int else _text(one) for one in value]
    if wrong := [part for part in parts if separator.strip(" ") in part or "\n" in part]:
        raise TypeError(f"{wrong[0][:40]!r} is more than one")
    return separator.join(parts)


def _data(value: Any) -> str:
    return hexcode.encode(_text(value).encode())


_WRITERS: Mapping[Kind, Callable[[Any], str]] = {
    Kind.TEXT: _text,
    Kind.INTEGER: _integer,
    Kind.BOOLEAN: _boolean,
    Kind.NAMES: lambda value: _list(value, ", "),
    Kind.LINES: lambda value: _list(value, "\n"),
    Kind.DATA: _data,
}
_NAMES: Schema = {"type": "array", "items": {"type": ["string", "integer"]}}
_SCHEMAS: Mapping[Kind, Schema] = {
    Kind.TEXT: {"type": "string"},
    Kind.INTEGER: {"type": "integer"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.NAMES: _NAMES,
    Kind.LINES: {"type": "array", "items": {"type": "string"}},
    Kind.DATA: {"type": "string"},
}


def as_text(fields: Mapping[str, str]) -> str:
    """Return the fields of a job as a bulk submit has them."""
    return json.dumps(dict(fields))
