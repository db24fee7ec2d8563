"""Reading the XML of LGI's messages, compatible with old writers.

An element ends at the first closing tag of its name, as in LGI's own parsers (clients.md 2.1), because
servers embed job_specifics and capabilities unescaped and not always well-formed.

Scripts start LGI_xml many times per second; importing dataclasses and lxml would dominate its run time.
"""

import re
from collections.abc import Iterator

ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"}
_ENTITY = re.compile("|".join(ENTITIES))
_TAG = re.compile(r"<([^\s<>/!?]+)>")
_BLANKS = re.compile("[ \t\r\n]+")
# An element without attributes and elements in it, as most are: read at once.
_FLAT = re.compile(r"<([^\s<>/!?]+)>([^<]*)</\1>")


def unescape(text: str) -> str:
    """Replace the five entities; return the text unchanged if it contains any markup."""
    if "&" not in text:
        return text
    rest = _ENTITY.sub("", text)
    if any(char in rest for char in "<>\"'&"):
        return text
    return _ENTITY.sub(lambda match: ENTITIES[match.group()], text)


class XmlElement:
    """A parsed element: name, attributes and content as written, and its position in the text."""

    __slots__ = ("attributes", "begin", "end", "inside", "name")

    def __init__(self, name: str, attributes: str, inside: str, begin: int, end: int) -> None:
        """Set the fields; ``begin`` is the offset of the start tag, ``end`` the offset after the end tag."""
        self.name = name
        self.attributes = attributes
        self.inside = inside
        self.begin = begin
        self.end = end

    @property
    def text(self) -> str:
        """The content as a value: unescaped and trimmed."""
        return unescape(self.inside.strip()).strip()


def elements(text: str, at: int = 0) -> Iterator[XmlElement]:
    """Yield the elements at the top level of a text, from the offset ``at`` on.

    Stop at a stray closing tag or an unclosed element, as old parsers do. Skip comments and prologs, and
    accept self-closing tags, at which old parsers stop. Raise ValueError for a DTD or CDATA section.
    """
    while (begin := text.find("<", at)) >= 0:
        if flat := _FLAT.match(text, begin):
            name, inside = flat.groups()
            at = flat.end()
            yield XmlElement(name, "", inside, begin, at)
        elif text.startswith("<!--", begin):
            at = _after(text, "-->", begin)
        elif text.startswith("<?", begin):
            at = _after(text, "?>", begin)
        elif text.startswith("<!", begin):
            raise ValueError("a DTD or CDATA section is not accepted")
        else:
            found = _element(text, begin)
            if found is None:
                return
            yield found
            at = found.end


def _after(text: str, closing: str, begin: int) -> int:
    """Return the offset after a comment or prolog; the end of the text if it is not closed."""
    end = text.find(closing, begin)
    return len(text) if end < 0 else end + len(closing)


def _element(text: str, begin: int) -> XmlElement | None:
    """Return the element whose start tag is at ``begin``; None for a closing tag or an unclosed one."""
    closed = text.find(">", begin)
    if closed < 0 or text.startswith("</", begin):
        return None
    tag = text[begin + 1 : closed]
    empty = tag.endswith("/")
    # Not str.split(), which also splits at characters allowed in names, such as U+1680.
    name, *attributes = _BLANKS.split(tag[:-1] if empty else tag, maxsplit=1)
    if empty:
        return XmlElement(name, "".join(attributes), "", begin, closed + 1)
    closing = f"</{name}>"
    end = text.find(closing, closed)
    if not name or end < 0:
        return None
    return XmlElement(name, "".join(attributes), text[closed + 1 : end], begin, end + len(closing))


def find_all(text: str, name: str) -> list[XmlElement]:
    """Return the elements of a name at the top level of a text."""
    return [found for found in elements(text) if found.name == name]


def find(text: str, *path: str) -> XmlElement | None:
    """Return the first element at a path of names; None when there is none."""
    found = None
    for name in path:
        found = next((one for one in elements(text) if one.name == name), None)
        if found is None:
            return None
        text = found.inside
    return found


def value(text: str, *path: str) -> str:
    """Return the text of the element at a path; empty when there is none."""
    found = find(text, *path)
    return found.text if found else ""


def values(text: str, *names: str) -> dict[str, str]:
    """Return the text of the first element of each name, read in one pass; empty where there is none."""
    found = dict.fromkeys(names, "")
    missing = set(names)
    for one in elements(text):
        if one.name in missing:
            found[one.name] = one.text
            missing.remove(one.name)
            if not missing:
                break
    return found


def pairs(text: str) -> list[tuple[str, str]]:
    """Return name and text of each of the `elements` of a text, in less time than these take."""
    found: list[tuple[str, str]] = []
    at = 0
    while (begin := text.find("<", at)) >= 0:
        if flat := _FLAT.match(text, begin):
            name, inside = flat.groups()
            at = flat.end()
        elif (tag := _TAG.match(text, begin)) and (end := text.find(f"</{tag[1]}>", tag.end())) >= 0:
            name, inside, at = tag[1], text[tag.end() : end], end + len(tag[0]) + 1
        elif (one := next(elements(text, begin), None)) is not None:
            name, inside, at = one.name, one.inside, one.end
        else:
            break
        found.append((name, unescape(inside.strip()).strip() if "&" in inside else inside.strip()))
    return found
