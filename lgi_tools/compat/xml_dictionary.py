"""An answer as the nested dictionary of the Python class of LGI's document."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from lgi_protocol import hexcode, xml
from lgi_protocol.xml import XmlElement

# The elements whose text is in hexadecimal digits.
HEXADECIMAL = frozenset({"input", "output"})
# The text between elements, which has no name.
TEXT = "#text"
# The attributes of an element, by their names.
ATTRIBUTES = "attributes"
_ATTRIBUTE = re.compile(r"""([^\s=]+)\s*=\s*(["'])(.*?)\2""", re.DOTALL)
# Deeper than any answer; deeper elements are returned as text.
DEEPEST = 32
# Longer numbers are returned as text: Python does not convert more than 4300 digits.
MOST_DIGITS = 4000

Dictionary = dict[str, Any]
Value = Dictionary | int | str | bytes


def read(text: str, depth: int = 0) -> Dictionary:
    """Return the elements of a text by name: dictionaries, integers, texts; bytes for input and output.

    A repeated name has a list. Blank text is omitted. Raises ValueError for a
    DTD. # As LGI: an element with attributes is a dictionary of these, and of itself under its own name.
    """
    found = list(xml.elements(text))
    values: Dictionary = {}
    several: set[str] = set()
    for one in found:
        value = _with_attributes(one, _value(one, depth + 1))
        if one.name in several:
            values[one.name].append(value)
        elif one.name in values:
            several.add(one.name)
            values[one.name] = [values[one.name], value]
        else:
            values[one.name] = value
    if found and (between := _between(text, found)):
        values[TEXT] = between
    return values


def _with_attributes(found: XmlElement, value: Value) -> Value:
    attributes = {name: _number(xml.unescape(text)) for name, _, text in _ATTRIBUTE.findall(found.attributes)}
    return {ATTRIBUTES: attributes, found.name: value} if attributes else value


def _value(found: XmlElement, depth: int) -> Value:
    if depth < DEEPEST and next(xml.elements(found.inside), None) is not None:
        return read(found.inside, depth)
    if found.name in HEXADECIMAL:
        try:
            return hexcode.decode(found.text)
        except ValueError:
            return found.text
    return _number(found.text)


def _number(text: str) -> int | str:
    """Return the number of a text of digits, otherwise the text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else text


def _between(text: str, found: Sequence[XmlElement]) -> str:
    """Return the text outside all elements, on one line."""
    edges = [(0, 0), *((one.begin, one.end) for one in found), (len(text), len(text))]
    parts = (text[before[1] : after[0]] for before, after in pairwise(edges))
    return xml.unescape(" ".join(" ".join(parts).split()))
