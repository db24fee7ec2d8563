"""Our writer and the server's answers say what LGI 1.31.6 said: the same elements, in the same order."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from lxml import etree

from lgi_protocol import xml
from lgi_protocol.xml import Element
from tests.support import golden
from tests.support.golden import Exchange, Tree

from . import old_parser, server_answers
from .test_golden import each

CALLS = [one for one in golden.ANSWERS if not one.call.startswith("server_")]


def rebuilt(tree: Tree) -> Element:
    """The element our writer is given for a recorded one."""
    number = int(tree.attributes.removeprefix("number=")) if tree.attributes else None
    quote = '"' if tree.name == "file" else "'"
    if tree.name in golden.RAW and tree.children:
        return Element(tree.name, golden.raw_inside(tree), raw=True)
    content = tuple(rebuilt(child) for child in tree.children)
    return Element(tree.name, content or tree.text, number, quote=quote)


def as_old_clients_see(content: str, tree: Tree) -> Iterator[tuple[str, str, str]]:
    """Name, wanted value and the value old clients read, of every leaf."""
    at: dict[str, int] = {}
    for child in tree.children:
        found = old_parser.find(content, child.name, at.get(child.name, 0))
        at[child.name] = found.offset
        if child.children:
            yield from as_old_clients_see(found.content, child)
        else:
            yield child.name, child.text, found.content.strip()


@each(golden.ANSWERS)
def test_the_same_values_are_written_as_the_same_elements(exchange: Exchange) -> None:
    """Written again and read again, an answer has the same elements in the same order."""
    recorded = golden.response(exchange.response)

    text = xml.envelope(tuple(rebuilt(child) for child in recorded.children), "https://localhost/ca.crt")

    found = xml.find(text, "LGI", "response")
    assert found is not None
    assert golden.ours(found) == recorded
    assert golden.response(text) == recorded


@each(golden.ANSWERS)
def test_old_clients_can_read_what_is_written(exchange: Exchange) -> None:
    """No prolog, no self-closing tag, one blank before attributes, five entities, children under response."""
    recorded = golden.response(exchange.response)

    text = xml.envelope(tuple(rebuilt(child) for child in recorded.children), "https://localhost/ca.crt")

    etree.fromstring(text.encode(), etree.XMLParser(recover=False))
    assert text.startswith("<LGI> ")
    assert text.endswith(" </LGI>")
    assert not re.search(r"/>|<[?!]", text)
    assert not re.search(r"<\w+(?:\s{2,}|[\t\n])", text)
    assert not re.search(r"&(?!lt;|gt;|quot;|apos;|amp;)", text)
    content = old_parser.find(old_parser.find(text, "LGI").content, "response").content
    for name, wanted, read in as_old_clients_see(content, recorded):
        assert (name, read) == (name, wanted)


@each(CALLS)
def test_the_server_answers_with_the_recorded_elements(exchange: Exchange) -> None:
    """The server's own answers, filled with the recorded values, are the recorded answers."""
    recorded = golden.response(exchange.response)

    text = xml.envelope(server_answers.answer(exchange.call, recorded), "https://localhost/ca.crt")

    assert golden.normalised(golden.response(text)) == golden.normalised(recorded)


@each(golden.ODD)
def test_the_server_writes_well_formed_what_the_old_one_did_not(exchange: Exchange) -> None:
    """resource_url is closed by its own name; text that is no XML is never let in."""
    text = exchange.response.replace("res2@cluster </url>", "res2@cluster </resource_url>")
    text = text.replace("just text & <", "just text")
    recorded = golden.response(text)

    answer = xml.envelope(server_answers.answer(exchange.call, recorded), "https://localhost/ca.crt")

    assert golden.normalised(golden.response(answer)) == golden.normalised(recorded)
    with pytest.raises(ValueError, match="well-formed"):
        xml.check_fragment("just text & <")


def test_a_difference_that_nobody_decided_on_is_seen() -> None:
    """Normalising hides neither the order nor the absence of an element."""
    exchange = next(one for one in golden.ANSWERS if one.name == "lifecycle-06_details")
    recorded = golden.response(exchange.response)
    children = recorded.children

    swapped = replace(recorded, children=(children[1], children[0], *children[2:]))

    assert golden.normalised(swapped) != golden.normalised(recorded)
    assert golden.normalised(replace(recorded, children=children[:-1])) != golden.normalised(recorded)
