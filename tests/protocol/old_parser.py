"""How LGI's own clients read XML: the rules of their parser, as a model to test against."""

from dataclasses import dataclass

_ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"}


class Hang(Exception):
    """The old parser never comes back from this text."""


@dataclass(frozen=True)
class Found:
    """What a search gives: attributes, content as a value, and where the next search may begin."""

    attributes: str
    content: str
    offset: int


def find(text: str, tag: str, at: int = 0) -> Found:
    """The first element of a name at the top level of a text, from an offset on."""
    start = at
    while (begin := text.find("<", at)) >= 0:
        if text.startswith("</", begin):
            return Found("", "", start)
        if text.startswith("<!--", begin):
            at = _behind_comment(text, begin)
            continue
        closed = text.find(">", begin)
        if closed < 0:
            return Found("", "", len(text))
        name, _, attributes = text[begin + 1 : closed].partition(" ")
        end = text.find(f"</{name}>", closed + 1)
        if end < 0:
            return Found("", "", len(text))
        at = end + len(name) + 3
        if name == tag:
            return Found(attributes.lstrip(" "), unescape(text[closed + 1 : end]), at)
    return Found("", "", len(text))


def _behind_comment(text: str, begin: int) -> int:
    end = text.find("-->", begin)
    if end < 0:
        raise Hang(f"unclosed comment at {begin}")
    return end + 4


def unescape(text: str) -> str:
    """Five entities, all or nothing."""
    made, at = "", 0
    while at < len(text):
        entity = next((one for one in _ENTITIES if text.startswith(one, at)), None)
        if entity is None and text[at] in "<>\"'&":
            return text
        made += _ENTITIES[entity] if entity else text[at]
        at += len(entity) if entity else 1
    return made
