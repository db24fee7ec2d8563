"""The XML of LGI's messages: written for the oldest parser, read so that the oldest writer is understood.

Writing (clients.md 2.2): no prolog, no self-closing tags, one blank around values and before attributes,
five entities. Reading, which is in `elements`, is offered here too.
Text that others will read as XML is checked with lxml before it is let in: see `check_fragment`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree

from lgi_protocol import API_VERSION, LGI_VERSION
from lgi_protocol.xml_reader import ENTITIES, XmlElement, elements, find, find_all, unescape, value

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
    "unescape",
    "value",
    "write",
]
MAX_FIELD_SIZE = 65355
_ESCAPES = str.maketrans({char: entity for entity, char in ENTITIES.items()})
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN = re.compile("[A-Za-z0-9 @._:/,-]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*\Z")
# Tags that would let one job's text pass for a part of the answer around it (ruling 2).
RESERVED_TAGS = frozenset(
    {"LGI", "response", "error", "job", "job_specifics", "repository", "repository_url"},
)
# The two that stand around a resource's capabilities and so may not stand in them.
CAPABILITIES_TAGS = frozenset({"resource", "resource_capabilities"})
_COMMENT = re.compile("<!--.*?-->", re.DOTALL)
# What old parsers, and in part ours, cannot read past; looked for outside comments.
_UNREADABLE = {
    re.compile(r"/\s*>"): "a self-closing tag is not accepted: write <tag> </tag>",
    re.compile(r"<[^ >]*[\t\r\n]"): "a tag's name must be followed by a blank or by '>'",
    re.compile(r"</[^>]*\s"): "a closing tag must have no blanks in it",
}


@dataclass(frozen=True)
class Element:
    """A tag and what stands in it: text (escaped), elements, or XML passed on as it is (``raw``)."""

    name: str
    content: "str | int | tuple[Element, ...]" = ""
    number: int | None = None
    raw: bool = False
    quote: str = "'"


def write(element: Element) -> str:
    """One element as text."""
    parts: list[str] = []
    # What is still to be written, the next one last: an element, or the closing tag of one.
    waiting: list[Element | str] = [element]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            parts.append(one)
            continue
        number = "" if one.number is None else f" number={one.quote}{one.number}{one.quote}"
        if isinstance(one.content, tuple) and one.content:
            parts.append(f"<{one.name}{number}>")
            waiting.append(f"</{one.name}>")
            waiting.extend(reversed(one.content))
            continue
        inside = "" if one.content == () else str(one.content)
        # Most texts are plain words, and looking once is enough for them.
        if not (one.raw or _PLAIN.fullmatch(inside)):
            inside = escape(inside)
        parts.append(f"<{one.name}{number}> {inside} </{one.name}>")
    return " ".join(parts)


def envelope(children: Iterable[Element], ca_certificate: str) -> str:
    """A whole answer around the elements of its response (wire.md 2)."""
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
    """The five entities, and a question mark for what XML cannot hold at all."""
    return _FORBIDDEN.sub("?", text).translate(_ESCAPES)


def is_name(text: str) -> bool:
    """Whether a text can be the name of an element, as the name of an application must be."""
    return bool(_NAME.match(text))


def check_fragment(text: str, reserved: frozenset[str] = RESERVED_TAGS) -> None:
    """ValueError unless a text may stand inside an answer: well-formed, no DTD, no entity, no reserved tag.

    Also refuses what readers that take the first closing tag cannot read past (clients.md 2.1): a prolog or
    other processing instruction, CDATA, self-closing tags, blanks at the wrong place of a tag, an element
    inside one of its own name, and a comment not followed by a blank. Escaped text that readers would
    unescape to XML has to be acceptable as that XML too.
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
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(f"<fragment>{text}</fragment>".encode(), parser)
    except (etree.XMLSyntaxError, UnicodeEncodeError, ValueError) as error:
        raise ValueError(f"it is not well-formed XML: {error}") from None


def _check_readable(text: str, root: "etree._Element") -> None:
    bare = _COMMENT.sub("", text)
    for pattern, fault in _UNREADABLE.items():
        if pattern.search(bare):
            raise ValueError(fault)
    if re.search(r"-->(?! |\s*\Z)", text):
        raise ValueError("a comment must be followed by a blank")
    for comment in root.iter(etree.Comment):
        if "<" in str(comment.text):
            raise ValueError("a comment must not hold tags")


def _check_names(root: "etree._Element", reserved: frozenset[str]) -> None:
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
            raise ValueError(f"a tag <{tag}> must not stand inside another <{tag}>")
        else:
            opened.add(name)
