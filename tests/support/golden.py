"""The recorded exchanges with LGI 1.31.6, sorted by what kind of answer they are, and read independently."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lxml import etree

from lgi_protocol import xml

FILE = Path(__file__).parent.parent / "golden" / "exchanges.jsonl"
NOT_WELL_FORMED = {"interface_submit_job-ok_job_specifics_no_tags", "resource_request_resource_data-ok"}
RAW = {"job_specifics", "resource_capabilities"}
HEXADECIMAL = {"input", "output", "update_query", "client_certificate"}


@dataclass(frozen=True)
class Exchange:
    """One request and its answer."""

    name: str
    path: str
    fields: list[list[Any]]
    status: int
    error: int | None
    response: str

    @property
    def call(self) -> str:
        """The last part of the path, without its suffix."""
        return self.path.rpartition("/")[2].removesuffix(".php")

    @property
    def is_lgi(self) -> bool:
        """Whether the answer is an LGI document, or the beginning of one."""
        return self.response.startswith("<LGI>")


@dataclass(frozen=True)
class Tree:
    """An element with either children or a text; attributes are without their quotes."""

    name: str
    attributes: str
    text: str = ""
    children: "tuple[Tree, ...]" = ()

    def child(self, *path: str) -> "Tree":
        """The first descendant along a path of names, an empty one when it is not there."""
        here = self
        for name in path:
            here = next((one for one in here.children if one.name == name), Tree(name, ""))
        return here

    def value(self, *path: str) -> str:
        """The text of a descendant."""
        return self.child(*path).text


def load() -> list[Exchange]:
    """All exchanges in the order of the file."""
    wanted = Exchange.__dataclass_fields__
    rows = [json.loads(line) for line in FILE.read_bytes().split(b"\n") if line]
    return [Exchange(**{key: row[key] for key in wanted}) for row in rows]


ALL = load()
CUT = [one for one in ALL if one.is_lgi and not one.response.endswith("</LGI>")]
ERRORS = [one for one in ALL if one.error is not None]
ODD = [one for one in ALL if one.name in NOT_WELL_FORMED]
ANSWERS = [one for one in ALL if one.is_lgi and one not in CUT + ERRORS + ODD]
LISTINGS = [one for one in ALL if one.response.startswith("<repository_content>")]
STATUSES = [one for one in ALL if one.response.startswith("<status>")]
FOREIGN = [one for one in ALL if not one.is_lgi and one not in LISTINGS + STATUSES]


def completed(cut: Exchange) -> str:
    """A cut answer with its open elements closed, so that what stands before the cut can be read."""
    text = cut.response.removesuffix("...")
    parser = etree.XMLPullParser(("start", "end"))
    parser.feed(text)
    opened: list[str] = []
    for event, element in parser.read_events():
        opened = [*opened, element.tag] if event == "start" else opened[:-1]
    return text + "".join(f"</{name}>" for name in reversed(opened))


def ours(found: xml.XmlElement) -> Tree:
    """An element as our reader sees it, all the way down."""
    children = tuple(ours(child) for child in xml.elements(found.inside))
    attributes = found.attributes.replace("'", "").replace('"', "")
    return Tree(found.name, attributes, "" if children else found.text, children)


def theirs(element: "etree._Element") -> Tree:
    """The same element as lxml sees it."""
    children = tuple(theirs(child) for child in element.iterchildren("*"))
    attributes = ",".join(f"{key}={value}" for key, value in element.items())
    text = "" if children else (element.text or "").strip()
    return Tree(element.tag, attributes, text, children)


def response(text: str) -> Tree:
    """The response of a well-formed answer as lxml sees it."""
    found = etree.fromstring(text.encode()).find("response")
    assert found is not None
    return theirs(found)


def raw(tree: Tree) -> str:
    """Embedded XML as its author wrote it, but for blanks."""
    attributes = re.sub("=(.*)", r'="\1"', f" {tree.attributes}") if tree.attributes else ""
    return f"<{tree.name}{attributes}> {raw_inside(tree)} </{tree.name}>"


def raw_inside(tree: Tree) -> str:
    """What stands in an element, as XML."""
    return " ".join(raw(child) for child in tree.children) or xml.escape(tree.text)


def normalised(tree: Tree) -> Tree:
    """An answer without the differences between the old server's and ours that are deliberate.

    * Hexadecimal digits: the old server writes them in lower case, we in the upper case of its clients.
    * resource_capabilities: the old server escapes them in the answer to an update and nowhere else; we never
      do. So they are compared as the elements they stand for.

    What else is different never comes here: LGI_version and API_version stand outside the response, and
    `</url>` behind resource_url, which no XML parser reads, has a test of its own.
    """
    if tree.name in HEXADECIMAL:
        return replace(tree, text=tree.text.upper())
    if tree.name == "resource_capabilities" and tree.text:
        return theirs(etree.fromstring(f"<{tree.name}>{tree.text}</{tree.name}>"))
    return replace(tree, children=tuple(normalised(one) for one in tree.children))
