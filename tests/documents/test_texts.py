"""What the documents say of files, settings and messages is so."""

import ast
import errno
import os
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from lxml import etree
from markdown_it import MarkdownIt

from lgi_server.config import parser
from lgi_server.config.sections import SECTIONS, ProjectConfig
from lgi_server.config.setting import settings_of
from lgi_server.public import documents
from tests.documents.blocks import DOCUMENTS, KINDS, ROOT, Block, blocks
from tests.support.grid import Grid
from tests.support.settings import without

SETTINGS = [block for path in DOCUMENTS for block in blocks(path, "ini")]
ELEMENTS = [block for path in DOCUMENTS for block in blocks(path, "xml")]
GUIDES = [path for path in DOCUMENTS if path.parent == ROOT / "docs"]
# Where the elements are shown that configurations and job specifics may have.
EXAMPLES = [
    *(ROOT / "applications").glob("*/LGI.cfg.example"),
    *(ROOT / "applications" / "library").glob("*.sh"),
    ROOT / "docs" / "wire.md",
    ROOT / "lgi_protocol" / "capabilities.py",
    ROOT / "lgi_protocol" / "parameters.py",
]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_block_of_a_document_says_what_it_is(path: Path) -> None:
    """So that none which a reader would type is passed over by the tests (tests/documents/blocks.py)."""
    assert [block.place for block in blocks(path) if block.kind not in KINDS] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_of_a_document_leads_somewhere(path: Path) -> None:
    """To a file that is there, and to a heading that it has."""
    broken = []
    for link in links(path):
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = (path.parent / parts.path).resolve() if parts.path else path
        if not target.exists() or (parts.fragment and parts.fragment not in anchors(target)):
            broken.append(link)

    assert broken == []


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.name)
def test_a_document_is_served_by_the_project_server(path: Path) -> None:
    """At the landing page, under its name."""
    assert f"docs/{path.name}" in {place for place, _about in documents.DOCUMENTS.values()}


@pytest.mark.parametrize("block", SETTINGS, ids=lambda block: block.place)
def test_a_setting_of_a_document_is_one_of_the_server(block: Block, grid: Grid, tmp_path: Path) -> None:
    """Written into its section of a configuration, it is refused for a missing file at most."""
    _, *parts = re.split(r"^(\[.*\])\n", block.text, flags=re.MULTILINE)
    assert block.text.startswith("[")
    text = grid.config_file.read_text()
    for header, settings in zip(parts[::2], parts[1::2], strict=True):
        text = without(text, *re.findall(r"^(\w+) *=", settings, re.MULTILINE))
        text = text if f"\n{header}\n" in text else f"{text}{header}\n"
        text = text.replace(f"\n{header}\n", f"\n{header}\n{settings}")
    written = tmp_path / "LGI_server.cfg"
    written.write_text(text)

    problem = refusal(written)

    assert not problem or re.search("cannot read that file|missing|there is no such directory", problem)


@pytest.mark.parametrize("block", ELEMENTS, ids=lambda block: block.place)
def test_an_element_of_a_document_is_one_that_is_known(block: Block) -> None:
    """The XML is well-formed; each element, but for owners, is in an example, a script or the protocol."""
    # The name of an owner is the name of an element, for LGI's own parser only.
    tree = etree.fromstring(f"<LGI>{block.text.replace('@', '_')}</LGI>")
    owners = {child.tag for parent in tree.iter("owner_allow") for child in parent}
    known = "\n".join(path.read_text() for path in EXAMPLES)

    names = {str(element.tag) for element in tree.iter()} - owners
    assert [name for name in names if not re.search(rf"\b{name}\b", known)] == []


def test_a_message_in_troubleshooting_is_one_that_programs_print() -> None:
    """Those in headings, and at the beginning of items of lists; `...` stands for names and numbers."""
    quoted = list(messages(ROOT / "docs" / "troubleshooting.md"))
    scripts = (ROOT / "applications" / "library").glob("*.sh")
    texts = [*strings(), *map(os.strerror, errno.errorcode), *(path.read_text() for path in scripts)]

    assert len(quoted) > 30
    missing = [
        message
        for message in quoted
        if not any(all(part.strip() in text for part in message.split("...")) for text in texts)
    ]
    assert missing == []


def test_the_table_of_settings_is_complete() -> None:
    """Each section of the configuration with all its settings, in their order."""
    text = (ROOT / "docs" / "administrator_guide.md").read_text("utf-8")
    rows = re.findall(r"^\| `\[(.*?)\]` \| .*? \| (.*) \|$", text, re.MULTILINE)
    listed = {section: re.findall(r"`(\w+)`", settings) for section, settings in rows}

    known = {name: list(settings_of(kind)) for name, kind in SECTIONS.items()}
    assert listed == known | {"project NAME": list(settings_of(ProjectConfig)), "licences": []}


def refusal(file: Path) -> str:
    """Why a configuration cannot be used; empty when it can."""
    try:
        parser.load(file)
    except parser.ConfigError as error:
        return str(error)
    return ""


def links(path: Path) -> Iterator[str]:
    """Where the links and pictures of a document lead."""
    for token in MarkdownIt("commonmark").enable("table").parse(path.read_text("utf-8")):
        for child in token.children or ():
            for name in ("href", "src"):
                if (found := child.attrGet(name)) is not None:
                    yield str(found)


def headings(path: Path) -> list[str]:
    """The headings of a document, as they are written."""
    tokens = MarkdownIt("commonmark").enable("table").parse(path.read_text("utf-8"))
    return [following.content for token, following in pairwise(tokens) if token.type == "heading_open"]


def anchors(path: Path) -> set[str]:
    """The fragments that lead to the headings of a document."""
    return {documents.anchor(heading) for heading in headings(path)}


def messages(path: Path) -> Iterator[str]:
    """The code in headings, and that with which items of lists begin: messages."""
    for heading in headings(path):
        yield from re.findall(r"`([^`]{12,})`", heading)
    yield from re.findall(r"^\* `([^`]+)`", path.read_text("utf-8"), re.MULTILINE)


def strings() -> Iterator[str]:
    """The texts in the code of the programs; what is put into them is one character."""
    for folder in ("lgi_protocol", "lgi_server", "lgi_daemon", "lgi_tools"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield re.sub(r"%[-.0-9]*[a-z]", "\0", node.value)
                elif isinstance(node, ast.JoinedStr):
                    yield "".join(
                        str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values
                    )
