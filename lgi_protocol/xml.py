"""Writing the XML of LGI's messages, compatible with old parsers, and checking posted XML.

Format (clients.md 2.2): no prolog, no self-closing tags, one blank around values and before attributes,
five entities. The functions of `xml_reader` are exported here too.
Posted XML is validated with lxml before it is stored: see `check_fragment`.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lgi_protocol import API_VERSION, LGI_VERSION
from lgi_protocol.value_object import value_object
from lgi_protocol.xml_reader import (
    ENTITIES,
    XmlElement,
    elements,
    find,
    find_all,
    pairs,
    unescape,
    value,
    values,
)

if TYPE_CHECKING:
    # Slow to load: functions that check XML import it.
    from lxml import etree

__all__ = [
    "CAPABILITIES_TAGS",
    "MAX_FIELD_SIZE",
    "RESERVED_TAGS",
    "Element",
    "XmlElement",
    "check_fragment",
    "elements",
    "envelope",
    "escape",
    "find",
    "find_all",
    "is_name",
    "pairs",
    "unescape",
    "value",
    "values",
    "write",
    "write_value",
]
MAX_FIELD_SIZE = 65355
_ESCAPES = str.maketrans({char: entity for entity, char in ENTITIES.items()})
# Compiled, and cached by `re`, when it is needed: this takes 3 ms.
_FORBIDDEN = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_PLAIN = re.compile("[A-Za-z0-9 @._:/,-]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*\Z")
# Tags with which a job's text could imitate parts of the answer around it (ruling 2).
RESERVED_TAGS = frozenset(
    {"LGI", "response", "error", "job", "job_specifics", "repository", "repository_url"},
)
# The tags around a resource's capabilities, which must not occur inside them.
CAPABILITIES_TAGS = frozenset({"resource", "resource_capabilities"})
_COMMENT = re.compile("<!--.*?-->", re.DOTALL)
# Constructs that old parsers, and partly ours, cannot skip; searched outside comments.
_UNREADABLE = {
    re.compile(r"/\s*>"): "a self-closing tag is not accepted: write <tag> </tag>",
    re.compile(r"<[^ >]*[\t\r\n]"): "a tag's name must be followed by a blank or by '>'",
    re.compile(r"</[^>]*\s"): "a closing tag must have no blanks in it",
}


@value_object
class Element:
    """A tag and its content: text (is escaped), elements, or XML written unchanged (``raw``)."""

    name: str
    content: "str | int | tuple[Element, ...]" = ""
    number: int | None = None
    raw: bool = False
    quote: str = "'"


def write(element: Element) -> str:
    """Return an element as text."""
    parts: list[str] = []
    # Stack of what is left to write: elements and closing tags.
    pending: list[Element | str] = [element]
    while pending:
        node = pending.pop()
        if isinstance(node, str):
            parts.append(node)
            continue
        number = "" if node.number is None else f" number={node.quote}{node.number}{node.quote}"
        if isinstance(node.content, tuple) and node.content:
            parts.append(f"<{node.name}{number}>")
            pending.append(f"</{node.name}>")
            pending.extend(reversed(node.content))
            continue
        inside = "" if node.content == () else str(node.content)
        # Fast path: most texts need no escaping.
        if not (node.raw or _PLAIN.fullmatch(inside)):
            inside = escape(inside)
        parts.append(f"<{node.name}{number}> {inside} </{node.name}>")
    return " ".join(parts)


def write_value(name: str, value: str | int) -> str:
    """Return an element with a text, as `write` does, for answers that have thousands of them."""
    text = str(value)
    return f"<{name}> {text if _PLAIN.fullmatch(text) else escape(text)} </{name}>"


def envelope(children: Iterable[Element], ca_certificate: str) -> str:
    """Return a whole answer with the elements of its response (wire.md 2)."""
    answer = Element(
        "LGI",
        (
            Element("API_version", API_VERSION),
            Element("LGI_version", LGI_VERSION),
            Element("CA_certificate", ca_certificate),
            Element("server_max_field_size", MAX_FIELD_SIZE),
            Element("response", tuple(children)),
        ),
    )
    return write(answer)


def escape(text: str) -> str:
    """Replace special characters by the five entities, and those not allowed in XML by ``?``."""
    return re.sub(_FORBIDDEN, "?", text).translate(_ESCAPES)


def is_name(text: str) -> bool:
    """Return whether a text is a valid element name, as names of applications must be."""
    return bool(_NAME.match(text))


def check_fragment(text: str, reserved: frozenset[str] = RESERVED_TAGS) -> None:
    """Raise ValueError unless a text is well-formed XML without DTD, entities and reserved tags.

    Refuse as well what parsers that search the first closing tag cannot read (clients.md 2.1): processing
    instructions, CDATA, self-closing tags, misplaced blanks in tags, an element nested in one of the same
    name, and a comment not followed by a blank. Escaped text that parsers would unescape to XML is checked
    as that XML too.
    """
    if "<![CDATA[" in text or "<?" in text or "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("a prolog, DTD, entity or CDATA section is not accepted")
    root = _parsed(text)
    _check_readable(text, root)
    _check_names(root, reserved)
    decoded = unescape(text.strip())
    if decoded != text.strip() and "<" in decoded:
        check_fragment(decoded, reserved)


def _parsed(text: str) -> "etree._Element":
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(f"<fragment>{text}</fragment>".encode(), parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(_syntax_fault(text, error.position[0])) from None
    except (UnicodeEncodeError, ValueError) as error:
        raise ValueError(f"it is not well-formed XML: {error}") from None


def _syntax_fault(text: str, number: int) -> str:
    """Return what is wrong with a text whose line of this number cannot be parsed, in words for people."""
    lines = text.splitlines() or [""]
    line = lines[min(number, len(lines)) - 1].strip()
    shown = f"{line[:40]}..." if len(line) > 40 else line
    where = f"in line {number}, " if len(lines) > 1 else ""
    return (
        f"it is not well-formed XML {where}at {shown!r}: each <tag> is closed by its </tag>, and in values"
        " & and < are written &amp; and &lt;"
    )


def _check_readable(text: str, root: "etree._Element") -> None:
    from lxml import etree

    bare = _COMMENT.sub("", text)
    for pattern, fault in _UNREADABLE.items():
        if pattern.search(bare):
            raise ValueError(fault)
    if re.search(r"-->(?! |\s*\Z)", text):
        raise ValueError("a comment must be followed by a blank")
    for comment in root.iter(etree.Comment):
        if "<" in str(comment.text):
            raise ValueError("a comment must not contain tags")


def _check_names(root: "etree._Element", reserved: frozenset[str]) -> None:
    from lxml import etree

    opened: set[tuple[str | None, str]] = set()
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = etree.QName(element).localname
        name = (element.prefix, tag)
        if element is root:
            continue
        if event == "end":
            opened.discard(name)
        elif tag in reserved:
            raise ValueError(f"the tag <{tag}> is reserved")
        elif name in opened:
            raise ValueError(f"the tag <{tag}> must not be nested in another <{tag}>")
        else:
            opened.add(name)
