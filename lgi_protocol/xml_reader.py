"""Reading the XML of LGI's messages, so that the oldest writer is understood.

Takes the first element of a name and then its first closing tag, as LGI's own parsers do (clients.md 2.1),
because servers embed job_specifics and capabilities unescaped and not always well-formed.

Scripts start LGI_xml many times a second: dataclasses and lxml would cost it more than all its work.
"""

import re
from collections.abc import Iterator

ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"}
_ENTITY = re.compile("|".join(ENTITIES))


def unescape(text: str) -> str:
    """The text behind the five entities; all or nothing, so that embedded XML comes through unchanged."""
    rest = _ENTITY.sub("", text)
    if "&" not in text or any(char in rest for char in "<>\"'&"):
        return text
    return _ENTITY.sub(lambda match: ENTITIES[match.group()], text)


class XmlElement:
    """An element found in a text: its attributes and content as written, and where it begins and ends."""

    __slots__ = ("attributes", "begin", "end", "inside", "name")

    def __init__(self, name: str, attributes: str, inside: str, begin: int, end: int) -> None:
        """``begin`` is where its start tag begins, ``end`` where the text behind its end tag begins."""
        self.name = name
        self.attributes = attributes
        self.inside = inside
        self.begin = begin
        self.end = end

    @property
    def text(self) -> str:
        """The content as a value: unescaped and trimmed."""
        return unescape(self.inside.strip()).strip()


def elements(text: str) -> Iterator[XmlElement]:
    """The elements at the top level of a text, one after the other.

    Stops quietly at a stray closing tag or an unclosed element, as old parsers do. Comments, prologs and
    self-closing tags, which stop the old ones, are passed over. A DTD raises ValueError.
    """
    at = 0
    while (begin := text.find("<", at)) >= 0:
        if text.startswith("<!--", begin):
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
    """Where a comment or prolog ends; the end of the text when nothing closes it."""
    end = text.find(closing, begin)
    return len(text) if end < 0 else end + len(closing)


def _element(text: str, begin: int) -> XmlElement | None:
    """The element whose start tag is at ``begin``, or nothing when it is a closing tag or never closed."""
    closed = text.find(">", begin)
    if closed < 0 or text.startswith("</", begin):
        return None
    tag = text[begin + 1 : closed]
    empty = tag.endswith("/")
    # Not str.split(): it would also split at characters that a name may hold, as U+1680.
    name, *attributes = re.split("[ \t\r\n]+", tag[:-1] if empty else tag, maxsplit=1)
    if empty:
        return XmlElement(name, "".join(attributes), "", begin, closed + 1)
    closing = f"</{name}>"
    end = text.find(closing, closed)
    if not name or end < 0:
        return None
    return XmlElement(name, "".join(attributes), text[closed + 1 : end], begin, end + len(closing))


def find_all(text: str, name: str) -> list[XmlElement]:
    """The elements of a name at the top level of a text."""
    return [found for found in elements(text) if found.name == name]


def find(text: str, *path: str) -> XmlElement | None:
    """The first element reached by going down a path of names."""
    found = None
    for name in path:
        found = next((one for one in elements(text) if one.name == name), None)
        if found is None:
            return None
        text = found.inside
    return found


def value(text: str, *path: str) -> str:
    """The text of an element, empty when it is not there."""
    found = find(text, *path)
    return found.text if found else ""
